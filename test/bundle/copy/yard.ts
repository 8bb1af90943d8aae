/** Registries with bundles in them, to copy from and to. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { gatherBundle } from "../../../src/bundle/copy/gather-bundle.ts";
import type { GatherOptions } from "../../../src/bundle/copy/model.ts";
import { type RelocateOptions, type Relocation, relocate } from "../../../src/bundle/copy/relocate.ts";
import { pushBundle } from "../../../src/bundle/push/push.ts";
import { collect } from "../../../src/bytes/collect.ts";
import { type Digest, parseDigest } from "../../../src/spec/digest.ts";
import { parseReference } from "../../../src/spec/reference.ts";
import {
  createRegistryClient,
  type RegistryClient,
  type RegistryClientOptions,
} from "../../../src/stores/registry/client.ts";
import type { Store } from "../../../src/stores/store.ts";
import { artifact, type Content, image, writeContent } from "../../support/content.ts";
import { tempDir } from "../../support/tmp.ts";
import { bundleFolder } from "../acceptance/support.ts";

export class Yard {
  readonly dir: string;
  readonly client: RegistryClient;

  private constructor(dir: string, client: RegistryClient) {
    this.dir = dir;
    this.client = client;
  }

  static async open(t: TestContext, options: RegistryClientOptions = {}): Promise<Yard> {
    const client = createRegistryClient({ retry: { attempts: 1 }, ...options });
    t.after(() => client.close());
    return new Yard(await tempDir(t), client);
  }

  /** @param place `host/repository` */
  at(place: string): Store {
    return this.client.repository(parseReference(place));
  }

  /** Writes content to `host/repository` as `v1`; gives its reference by digest. */
  async put(place: string, content: Content, ...tags: readonly string[]): Promise<string> {
    await writeContent(this.at(place), content, ...(tags.length === 0 ? ["v1"] : tags));
    return `${place}@${content.root.digest}`;
  }

  /** A small image with its own bytes. */
  image(place: string, seed: number): Promise<string> {
    return this.put(place, image({ seed, layers: 1 }));
  }

  /** Pushes a bundle that names these references; gives its reference by digest. */
  async bundle(place: string, images: readonly string[], tag = "v1"): Promise<string> {
    const folder = bundleFolder(join(this.dir, place.replaceAll(/[/:]/g, "-")), images, `name: ${place}\n`);
    const { root } = await pushBundle(
      [{ path: folder }],
      { sink: this.at(place), tag },
      { tempDir: this.dir },
    );
    return `${place}@${root.digest}`;
  }

  /** What cosign would keep for the image: an artifact under the tag of that kind. */
  async cosign(reference: string, kind: "sig" | "att" | "sbom", seed: number): Promise<Digest> {
    const { digest } = parseReference(reference);
    const content = artifact({ seed, artifactType: `test/${kind}` });
    await this.put(reference.split("@")[0] ?? "", content, `${digest?.replace(":", "-")}.${kind}`);
    return content.root.digest;
  }

  /** Copies a bundle, with another client than the one that prepared it: nothing is remembered. */
  async copy(
    reference: string,
    to: string,
    options: Partial<RelocateOptions & GatherOptions> = {},
    clientOptions: RegistryClientOptions = {},
  ): Promise<Relocation> {
    await using client = createRegistryClient({ retry: { attempts: 1 }, ...clientOptions });
    const open = (text: string): Store => client.repository(parseReference(text));
    const named = parseReference(reference);
    const tag = named.digest === undefined ? { tag: named.tag ?? "latest" } : {};
    const set = await gatherBundle(
      { reference: named, source: open(reference), ...tag },
      { open: async (location) => client.repository(location) },
      options,
    );
    return await relocate(set, open(to), { tempDir: this.dir, ...options });
  }

  async tags(place: string): Promise<string[]> {
    return tagsOf(this.at(place));
  }
}

export async function tagsOf(store: Store): Promise<string[]> {
  const tags: string[] = [];
  try {
    for await (const tag of store.tags()) tags.push(tag);
  } catch (error) {
    if ((error as { code?: string }).code !== "ERR_LADING_NOT_FOUND") throw error;
  }
  return tags;
}

/** `sha256-<hex>` of a reference or digest. */
export function dashed(reference: string): string {
  return parseDigest(reference.slice(reference.lastIndexOf("@") + 1)).replace(":", "-");
}

/** The layer's tar, and from it the text of a file. */
export async function fileIn(store: Store, tag: string, name: string): Promise<string> {
  const { readManifest } = await import("../../../src/stores/read.ts");
  const { gunzipSync } = await import("node:zlib");
  const manifest = await readManifest(store, await store.resolve(tag));
  assert.equal(manifest.kind, "image");
  const [layer] = manifest.kind === "image" ? manifest.layers : [];
  assert.ok(layer);
  const stream = await store.body({ kind: "blob", descriptor: layer }).open({ offset: 0 });
  const tar = gunzipSync(await collect(stream, 1024 * 1024, tag));
  for (let at = 0; at + 512 <= tar.length; ) {
    const entry = tar
      .subarray(at, at + 100)
      .toString()
      .replaceAll("\0", "");
    const size = Number.parseInt(tar.subarray(at + 124, at + 135).toString(), 8) || 0;
    if (entry === name) return tar.subarray(at + 512, at + 512 + size).toString();
    at += 512 + Math.ceil(size / 512) * 512;
  }
  throw new Error(`no ${name} in ${tag}`);
}

export async function text(dir: string, file: string): Promise<string> {
  return readFile(join(dir, file), "utf8");
}
