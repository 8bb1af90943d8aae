import { createHasher } from "../../bytes/hash.ts";
import { messageOf } from "../../errors.ts";
import type { EventListener } from "../../events.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import { algorithmOf, type Digest } from "../../spec/digest.ts";
import { type Child, childrenOf, nodeKey } from "../../spec/graph.ts";
import { limits } from "../../spec/limits.ts";
import { parseManifest } from "../../spec/manifest.ts";
import type { CallOptions } from "../store.ts";
import { blobFiles, type LayoutParts } from "./parts.ts";

export interface VerifyOptions extends CallOptions {
  /** `progress` for each piece that was hashed. */
  readonly on?: EventListener;
}

/** A node that is not as it should be. */
export interface VerifyFinding {
  readonly digest: Digest;
  readonly kind: "manifest" | "blob";
  /** Who needs it, from the entry in `index.json` down. */
  readonly path: readonly Digest[];
  /** For people. */
  readonly message: string;
}

export interface VerifyReport {
  /** Nodes that were hashed and are right. */
  readonly checked: number;
  /** Bytes that were hashed. */
  readonly bytes: number;
  /** Reachable and not here. Legal in a sparse layout. Layers that may stay at their URLs are not among them. */
  readonly missing: readonly VerifyFinding[];
  /** Wrong size, wrong bytes, no regular file, or a manifest that cannot be read. */
  readonly wrong: readonly VerifyFinding[];
  /** Blobs that nothing reaches: `gc` would remove them. */
  readonly orphaned: readonly { readonly digest: Digest; readonly size: number }[];
  /** Files under `blobs/` that are no blobs, as paths in the layout. */
  readonly unexpected: readonly string[];
}

interface Step {
  readonly kind: "manifest" | "blob";
  readonly descriptor: Descriptor;
  readonly optional: boolean;
  readonly path: readonly Digest[];
}

/** Hashes everything that `index.json` reaches, and looks for what it does not reach. Changes nothing. */
export async function verifyLayout(parts: LayoutParts, options: VerifyOptions = {}): Promise<VerifyReport> {
  const { index, files, label } = parts;
  const missing: VerifyFinding[] = [];
  const wrong: VerifyFinding[] = [];
  const seen = new Set<string>();
  const reached = new Set<Digest>();
  let checked = 0;
  let bytes = 0;
  const queue: Step[] = (await index.entries()).map(({ descriptor }) => ({
    kind: "manifest",
    descriptor,
    optional: false,
    path: [],
  }));
  for (let step = queue.shift(); step !== undefined; step = queue.shift()) {
    options.signal?.throwIfAborted();
    const { kind, descriptor, path } = step;
    if (seen.has(nodeKey(step))) continue;
    seen.add(nodeKey(step));
    reached.add(descriptor.digest);
    const finding = (message: string) => ({ digest: descriptor.digest, kind, path, message });
    const result = await hashFile(parts, descriptor, options);
    if (result === "absent") {
      if (!step.optional) missing.push(finding("it is not here"));
      continue;
    }
    if (typeof result === "string") {
      wrong.push(finding(result));
      continue;
    }
    bytes += result;
    if (kind === "manifest") {
      const children = await readChildren(parts, descriptor);
      if (typeof children === "string") {
        wrong.push(finding(children));
        continue;
      }
      for (const child of children) {
        if (path.length < limits.graphDepth) queue.push({ ...child, path: [...path, descriptor.digest] });
      }
    }
    checked++;
  }
  const orphaned: { digest: Digest; size: number }[] = [];
  const unexpected: string[] = [];
  for await (const { digest, size, path } of blobFiles(files)) {
    if (digest === undefined) unexpected.push(path);
    else if (!reached.has(digest)) orphaned.push({ digest, size });
  }
  const at = new Set(wrong.map(({ digest }) => files.path(digest).slice(files.folder.length + 1)));
  options.on?.({ type: "debug", message: `${label}: hashed ${bytes} bytes` });
  return {
    checked,
    bytes,
    missing,
    wrong,
    orphaned,
    unexpected: unexpected.filter((path) => !at.has(path)),
  };
}

/** Bytes hashed, or "absent", or what is wrong. */
async function hashFile(
  { files, label }: LayoutParts,
  descriptor: Descriptor,
  { signal, on }: VerifyOptions,
): Promise<number | "absent" | string> {
  const { digest, size } = descriptor;
  const hasher = createHasher(algorithmOf(digest));
  let bytes = 0;
  try {
    const found = await files.size(digest);
    if (found === undefined) return (await files.exists(digest)) ? "it is not a regular file" : "absent";
    if (found !== size) return `it has ${found} bytes and should have ${size}`;
    const from = { offset: 0, ...(signal === undefined ? {} : { signal }) };
    for await (const chunk of await files.body(descriptor).open(from)) {
      hasher.update(chunk);
      bytes += chunk.byteLength;
      on?.({ type: "progress", descriptor, to: label, bytes: chunk.byteLength });
    }
  } catch (error) {
    if (signal?.aborted) throw error;
    return messageOf(error);
  }
  const actual = hasher.digest();
  return actual === digest ? bytes : `its bytes are ${actual}`;
}

async function readChildren(
  { files }: LayoutParts,
  descriptor: Descriptor,
): Promise<readonly Child[] | string> {
  if (descriptor.size > limits.manifestBytes) return `it is larger than ${limits.manifestBytes} bytes`;
  const bytes = await files.read(descriptor);
  if (bytes === undefined) return "it changed while it was read";
  try {
    return childrenOf(parseManifest(bytes, descriptor.mediaType));
  } catch (error) {
    return messageOf(error);
  }
}
