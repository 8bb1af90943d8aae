import { lstat, readdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { LadingError } from "../../errors.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import { type Digest, isDigest } from "../../spec/digest.ts";
import { childrenOf } from "../../spec/graph.ts";
import type { LayoutEntry } from "../../spec/layout-files.ts";
import { limits } from "../../spec/limits.ts";
import { parseManifest } from "../../spec/manifest.ts";
import type { CallOptions } from "../store.ts";
import { partialPattern } from "./partial.ts";
import { blobFiles, type LayoutParts } from "./parts.ts";
import { sweepLayout } from "./sweep.ts";

export interface GarbageOptions extends CallOptions {
  /**
   * Blobs that were written or found present within this time stay, reached or not: a writer may be about to list them.
   * Milliseconds; default one hour.
   */
  readonly graceMs?: number;
  /** Manifests without a name go too, unless something that stays reaches them or they refer to what stays. */
  readonly untagged?: boolean;
  /** Only says what would go. */
  readonly dryRun?: boolean;
}

export interface GarbageReport {
  readonly removed: readonly { readonly digest: Digest; readonly size: number }[];
  /** Bytes of what was removed, left-over parts included. */
  readonly freedBytes: number;
  /** Manifests that are no longer listed (`untagged`). */
  readonly unlisted: readonly Digest[];
  /** Blobs that nothing reaches and that are too young to go. */
  readonly young: number;
  /** Blobs that stay because something reaches them. */
  readonly kept: number;
}

const defaultGraceMs = 60 * 60_000;

/**
 * Marks what `index.json` reaches, referrers of it included, and removes other blobs that are older than the grace time.
 * Holds the lock on `index.json` all the while. Files that are no blobs are left alone.
 * @throws LadingError ERR_LADING_DIGEST_MISMATCH when a manifest is damaged: what it reached cannot be told then, and
 *   nothing is removed
 */
export async function collectGarbage(
  parts: LayoutParts,
  options: GarbageOptions = {},
): Promise<GarbageReport> {
  const { index, files } = parts;
  const before = Date.now() - (options.graceMs ?? defaultGraceMs);
  return index.locked(async () => {
    const entries = await index.entries();
    const marked = await mark(parts, entries, options);
    const unlisted = entries.filter(({ descriptor }) => !marked.has(descriptor.digest));
    if (!options.dryRun && unlisted.length > 0) {
      await index.updateLocked(async (current) => ({
        entries: current.filter(({ descriptor }) => marked.has(descriptor.digest)),
        value: undefined,
      }));
    }
    const removed: { digest: Digest; size: number }[] = [];
    let young = 0;
    let kept = 0;
    for await (const { digest, size, modifiedMs } of blobFiles(files)) {
      options.signal?.throwIfAborted();
      if (digest === undefined) continue;
      if (marked.has(digest)) kept++;
      else if (modifiedMs > before) young++;
      else if (options.dryRun || (await files.remove(digest))) removed.push({ digest, size });
    }
    const partBytes = await removeParts(files.folder, before, options.dryRun ?? false);
    if (!options.dryRun) await sweepLayout(files.folder);
    return {
      removed,
      freedBytes: removed.reduce((sum, { size }) => sum + size, partBytes),
      unlisted: [...new Set(unlisted.map(({ descriptor }) => descriptor.digest))],
      young,
      kept,
    };
  }, options.signal);
}

async function mark(
  parts: LayoutParts,
  entries: readonly LayoutEntry[],
  options: GarbageOptions,
): Promise<ReadonlySet<Digest>> {
  const marked = new Set<Digest>();
  const roots = options.untagged ? entries.filter(({ name }) => name !== undefined) : entries;
  const queue: Descriptor[] = roots.map(({ descriptor }) => descriptor);
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    options.signal?.throwIfAborted();
    if (marked.has(next.digest)) continue;
    marked.add(next.digest);
    queue.push(...(await parts.catalog.referrers(entries, next.digest)));
    const reached = await reachedBy(parts, next);
    for (const digest of reached.blobs) marked.add(digest);
    queue.push(...reached.manifests);
  }
  return marked;
}

interface Reached {
  readonly manifests: readonly Descriptor[];
  readonly blobs: readonly Digest[];
}

const nothing: Reached = { manifests: [], blobs: [] };

async function reachedBy({ files, label }: LayoutParts, descriptor: Descriptor): Promise<Reached> {
  const size = await files.size(descriptor.digest);
  // Sparse: it is not here, so nothing here is needed for its sake.
  if (size === undefined) return nothing;
  const bytes = size <= limits.manifestBytes ? await files.read(descriptor) : undefined;
  if (bytes === undefined) {
    throw new LadingError("ERR_LADING_DIGEST_MISMATCH", `the manifest ${descriptor.digest} is damaged`, {
      place: label,
      hint: "write it again or remove it first; until then nothing is removed",
    });
  }
  try {
    const children = childrenOf(parseManifest(bytes, descriptor.mediaType));
    return {
      manifests: children.filter(({ kind }) => kind === "manifest").map((child) => child.descriptor),
      blobs: children.filter(({ kind }) => kind === "blob").map((child) => child.descriptor.digest),
    };
  } catch {
    // Of a kind that Lading does not know: whatever digest it names may be needed.
    return { manifests: [], blobs: digestsIn(bytes) };
  }
}

function digestsIn(bytes: Uint8Array): readonly Digest[] {
  const text = Buffer.from(bytes).toString("latin1");
  return [...text.matchAll(/sha(?:256|512):[0-9a-f]+/g)].map(([found]) => found).filter(isDigest);
}

/** Parts of downloads that nobody went on with. Resolves to their bytes. */
async function removeParts(folder: string, before: number, dryRun: boolean): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(folder)) {
    if (!partialPattern.test(name)) continue;
    const path = join(folder, name);
    const info = await lstat(path).catch(() => undefined);
    if (info === undefined || info.mtimeMs > before) continue;
    if (!dryRun) await unlink(path).catch(() => {});
    bytes += info.size;
  }
  return bytes;
}
