import { encodeHeader, padding, tarEnd } from "../../src/formats/tar/encode.ts";
import type { TarEntry } from "../../src/formats/tar/entry.ts";

/** An entry as tests write it: a name, and what differs from a plain file of root's. */
export type EntrySpec = Partial<TarEntry> & { readonly name: string; readonly data?: string | Uint8Array };

export function entryOf({ data, ...spec }: EntrySpec): TarEntry {
  return {
    type: "file",
    mode: spec.type === "directory" ? 0o755 : 0o644,
    uid: 0,
    gid: 0,
    mtime: 1_000_000_000,
    size: data === undefined ? 0 : Buffer.byteLength(data),
    ...spec,
  };
}

/** The blocks of one entry. */
export function tarBlocks(spec: EntrySpec): Buffer {
  const data = spec.data === undefined ? Buffer.alloc(0) : Buffer.from(spec.data as Uint8Array);
  return Buffer.concat([encodeHeader(entryOf(spec)), data, padding(data.length)]);
}

/** A whole archive of these entries, in this order, with no check of any kind. */
export function tarOf(...specs: readonly EntrySpec[]): Buffer {
  return Buffer.concat([...specs.map(tarBlocks), tarEnd]);
}
