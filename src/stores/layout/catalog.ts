import { LadingError } from "../../errors.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import { type Digest, isDigest, quote } from "../../spec/digest.ts";
import { asObject } from "../../spec/json.ts";
import { type LayoutEntry, refNameAnnotation } from "../../spec/layout-files.ts";
import { limits } from "../../spec/limits.ts";
import { parseManifest } from "../../spec/manifest.ts";
import { isIndexType } from "../../spec/media-type.ts";
import { platformToJson } from "../../spec/platform.ts";
import { compareBytewise, referrerDescriptor } from "../referrer.ts";

/** Where containerd and docker put an image's whole name, beside its tag in `ref.name`. */
export const containerdName = "io.containerd.image.name";

/** What the catalog needs of one manifest. The bytes never change for a digest, so this is kept. */
interface Facts {
  /** Whether it could be read as the kind of manifest that its descriptor says. */
  readonly fits: boolean;
  readonly children: readonly Descriptor[];
  readonly subject: Digest | undefined;
  readonly asReferrer: Descriptor;
}

/** Reads a manifest whole and verified, or undefined where it is not there (sparse) or not what it should be. */
export type ManifestReader = (descriptor: Descriptor) => Promise<Uint8Array | undefined>;

/** Descriptors by digest, and whether all manifests were there to be read. */
interface Found<T> {
  readonly value: T;
  readonly complete: boolean;
}

/**
 * What the entries of an `index.json` amount to: which manifests are known, by which names, and who refers to whom. Pure
 * but for the reader. The same for a layout on disk and one in an archive.
 */
export class Catalog {
  readonly #read: ManifestReader;
  readonly #facts = new Map<string, Facts>();
  readonly #nested = new WeakMap<readonly LayoutEntry[], Promise<Found<ReadonlyMap<Digest, Descriptor>>>>();
  readonly #referrers = new WeakMap<
    readonly LayoutEntry[],
    Promise<Found<ReadonlyMap<Digest, readonly Descriptor[]>>>
  >();

  constructor(read: ManifestReader) {
    this.#read = read;
  }

  async #factsOf(descriptor: Descriptor): Promise<Facts | undefined> {
    // Anyone can describe the same bytes as something else: what was found for that must not stand for the truth.
    const key = keyOf(descriptor);
    const kept = this.#facts.get(key);
    if (kept !== undefined) return kept;
    if (descriptor.size > limits.manifestBytes) return opaque(descriptor);
    const bytes = await this.#read(descriptor);
    if (bytes === undefined) return undefined;
    const facts = factsFrom(bytes, descriptor);
    this.#facts.set(key, facts);
    return facts;
  }

  /** The manifests that an index lists directly; none for other manifests and absent ones. */
  async childrenOf(descriptor: Descriptor): Promise<readonly Descriptor[]> {
    if (!isIndexType(descriptor.mediaType)) return [];
    return (await this.#factsOf(descriptor))?.children ?? [];
  }

  /** Manifests that indexes in these entries list, directly or not, as the first that fits describes each. */
  async nested(entries: readonly LayoutEntry[]): Promise<ReadonlyMap<Digest, Descriptor>> {
    return (await kept(this.#nested, entries, () => this.#findNested(entries))).value;
  }

  async #findNested(entries: readonly LayoutEntry[]): Promise<Found<ReadonlyMap<Digest, Descriptor>>> {
    const found = new Map<Digest, Descriptor>();
    const visited = new Set<string>();
    let complete = true;
    let level = entries.map(({ descriptor }) => descriptor);
    for (let depth = 0; depth < limits.graphDepth && level.length > 0; depth++) {
      const next: Descriptor[] = [];
      for (const descriptor of level) {
        if (!isIndexType(descriptor.mediaType) || visited.has(keyOf(descriptor))) continue;
        visited.add(keyOf(descriptor));
        const facts = await this.#factsOf(descriptor);
        if (facts === undefined) complete = false;
        for (const child of facts?.children ?? []) {
          const before = found.get(child.digest);
          if (before !== undefined) {
            if (!isSame(before, child) && (await this.#fitsBetter(child, before))) {
              found.set(child.digest, child);
              next.push(child);
            }
            continue;
          }
          if (found.size >= limits.graphNodes) {
            throw new LadingError("ERR_LADING_LIMIT", `more than ${limits.graphNodes} manifests`);
          }
          found.set(child.digest, child);
          next.push(child);
        }
      }
      level = next;
    }
    return { value: found, complete };
  }

  async #fitsBetter(candidate: Descriptor, than: Descriptor): Promise<boolean> {
    if ((await this.#factsOf(than))?.fits) return false;
    return (await this.#factsOf(candidate))?.fits === true;
  }

  /** The descriptor of a known manifest, plain: without the annotations that name it. */
  async find(entries: readonly LayoutEntry[], digest: Digest): Promise<Descriptor | undefined> {
    const entry = entries.find(({ descriptor }) => descriptor.digest === digest);
    const found = entry?.descriptor ?? (await this.nested(entries)).get(digest);
    return found === undefined ? undefined : plain(found);
  }

  /** All known manifests, each digest once. */
  async all(entries: readonly LayoutEntry[]): Promise<readonly Descriptor[]> {
    const found = new Map(entries.map(({ descriptor }) => [descriptor.digest, plain(descriptor)]));
    for (const [digest, descriptor] of await this.nested(entries)) {
      if (!found.has(digest)) found.set(digest, plain(descriptor));
    }
    return [...found.values()];
  }

  /**
   * What a name, a digest or "" (the only image) stands for.
   * @throws LadingError ERR_LADING_REFERENCE when it could be several
   */
  async resolve(
    entries: readonly LayoutEntry[],
    reference: string,
    label: string,
  ): Promise<Descriptor | undefined> {
    if (isDigest(reference)) return this.find(entries, reference);
    if (reference !== "") {
      const named = entries.filter(({ name }) => name === reference);
      const found =
        named.length > 0
          ? named
          : entries.filter(({ descriptor }) => descriptor.annotations?.[containerdName] === reference);
      const [first] = found;
      if (first === undefined) return undefined;
      if (found.every(({ descriptor }) => descriptor.digest === first.descriptor.digest)) {
        return plain(first.descriptor);
      }
      // `docker save a:1 b:1` names both images "1".
      const names = found.flatMap(({ descriptor }) => descriptor.annotations?.[containerdName] ?? []);
      throw new LadingError("ERR_LADING_REFERENCE", `${quote(reference)} names several images in ${label}`, {
        place: label,
        hint:
          names.length === 0 ? "take one by its digest" : `write one of: ${names.slice(0, 10).join(", ")}`,
      });
    }
    const candidates = await this.#images(entries);
    if (candidates.length <= 1) return candidates[0];
    const names = namesOf(entries);
    throw new LadingError("ERR_LADING_REFERENCE", `${label} holds ${candidates.length} images`, {
      place: label,
      hint:
        names.length === 0
          ? "name one of them by its digest"
          : `name one of them: ${names.slice(0, 10).join(", ")}${names.length > 10 ? ", …" : ""}`,
    });
  }

  /** What "" may mean: the named images when there are names, else all that refer to no other. */
  async #images(entries: readonly LayoutEntry[]): Promise<readonly Descriptor[]> {
    const digests = (list: readonly LayoutEntry[]) => [
      ...new Map(list.map(({ descriptor }) => [descriptor.digest, plain(descriptor)])).values(),
    ];
    const all = digests(entries);
    if (all.length <= 1) return all;
    const named = digests(entries.filter(({ name }) => name !== undefined));
    if (named.length > 0) return named;
    const images: Descriptor[] = [];
    for (const each of all) {
      if ((await this.#factsOf(each))?.subject === undefined) images.push(each);
    }
    return images;
  }

  async referrers(entries: readonly LayoutEntry[], subject: Digest): Promise<readonly Descriptor[]> {
    const { value } = await kept(this.#referrers, entries, () => this.#findReferrers(entries));
    return value.get(subject) ?? [];
  }

  async #findReferrers(
    entries: readonly LayoutEntry[],
  ): Promise<Found<ReadonlyMap<Digest, readonly Descriptor[]>>> {
    const found = new Map<Digest, Descriptor[]>();
    let complete = true;
    for (const descriptor of await this.all(entries)) {
      const facts = await this.#factsOf(descriptor);
      if (facts === undefined) complete = false;
      if (facts?.subject === undefined) continue;
      const list = found.get(facts.subject);
      if (list === undefined) found.set(facts.subject, [facts.asReferrer]);
      else list.push(facts.asReferrer);
    }
    return { value: found, complete };
  }
}

/** Computes once for these entries; what missed a manifest is computed again, since it may have come. */
async function kept<T>(
  cache: WeakMap<readonly LayoutEntry[], Promise<Found<T>>>,
  entries: readonly LayoutEntry[],
  compute: () => Promise<Found<T>>,
): Promise<Found<T>> {
  const before = cache.get(entries);
  if (before !== undefined) return before;
  const result = compute();
  cache.set(entries, result);
  try {
    const found = await result;
    if (!found.complete) cache.delete(entries);
    return found;
  } catch (error) {
    cache.delete(entries);
    throw error;
  }
}

function factsFrom(bytes: Uint8Array, descriptor: Descriptor): Facts {
  try {
    const manifest = parseManifest(bytes, descriptor.mediaType);
    return {
      fits: true,
      children: manifest.kind === "index" ? manifest.manifests : [],
      subject: manifest.subject?.digest,
      asReferrer: referrerDescriptor(descriptor, manifest),
    };
  } catch {
    // A layout may hold manifests that Lading does not know; its reader finds out.
    return opaque(descriptor);
  }
}

function opaque(descriptor: Descriptor): Facts {
  return { fits: false, children: [], subject: undefined, asReferrer: descriptor };
}

function keyOf({ digest, size, mediaType }: Descriptor): string {
  return `${digest} ${size} ${mediaType}`;
}

/** Whether both say the same of a manifest. */
export function isSame(a: Descriptor | undefined, b: Descriptor): boolean {
  return a?.mediaType === b.mediaType && a.size === b.size;
}

/** All names, sorted bytewise, each once. */
export function namesOf(entries: readonly LayoutEntry[]): readonly string[] {
  const names = new Set(entries.flatMap(({ name }) => (name === undefined ? [] : [name])));
  return [...names].sort(compareBytewise);
}

/** The descriptor without what only its place in a list says: its name, and URLs or data of other tools. */
export function plain(descriptor: Descriptor): Descriptor {
  const { mediaType, digest, size, platform, artifactType } = descriptor;
  return {
    mediaType,
    digest,
    size,
    ...(platform === undefined ? {} : { platform }),
    ...(artifactType === undefined ? {} : { artifactType }),
  };
}

/** An entry for `index.json`, with a name or without. */
export function layoutEntry(descriptor: Descriptor, name?: string): LayoutEntry {
  const { mediaType, digest, size, platform, artifactType } = descriptor;
  const annotations = name === undefined ? undefined : { [refNameAnnotation]: name };
  const json = {
    mediaType,
    digest,
    size,
    ...(annotations === undefined ? {} : { annotations }),
    ...(platform === undefined ? {} : { platform: platformToJson(platform) }),
    ...(artifactType === undefined ? {} : { artifactType }),
  };
  return {
    descriptor: { ...plain(descriptor), ...(annotations === undefined ? {} : { annotations }) },
    ...(name === undefined ? {} : { name }),
    json: asObject(json, "entry"),
  };
}

/** @throws LadingError ERR_LADING_REFERENCE for what cannot be a name in a layout */
export function checkName(name: string, label: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: refusing them is the point
  if (name !== "" && name.length <= 4096 && !isDigest(name) && !/[\u0000-\u0020\u007f]/.test(name)) return;
  throw new LadingError("ERR_LADING_REFERENCE", `${quote(name)} cannot be a name here`, {
    place: label,
    hint: "a name has no spaces and is not a digest",
  });
}
