import { closeSync, constants, fstatSync, lstatSync, openSync, read, readSync, type Stats } from "node:fs";
import { promisify } from "node:util";
import type { EventListener } from "../../events.ts";
import { encodeHeader, padding, tarEnd } from "../../formats/tar/encode.ts";
import type { TarEntry } from "../../formats/tar/entry.ts";
import { cannotRead, changed } from "./disk-error.ts";
import type { PlannedEntry } from "./input.ts";
import type { TimeSlice } from "./time-slice.ts";

export interface LayerTarOptions {
  readonly preservePermissions: boolean;
  /** Seconds since 1970. */
  readonly mtime: number;
  readonly owner: { readonly uid: number; readonly gid: number };
  readonly on?: EventListener;
}

const blockSize = 1024 * 1024;

/** Files of up to so many bytes are read with one synchronous call, larger ones on the thread pool. */
const smallFile = 256 * 1024;

const readAsync = promisify(read);

/**
 * The tar of these entries, in chunks of up to 1 MiB that lie in one buffer: each is overwritten when the next is asked
 * for.
 */
export async function* layerTar(
  entries: readonly PlannedEntry[],
  slice: TimeSlice,
  options: LayerTarOptions,
): AsyncGenerator<Uint8Array> {
  const block = Buffer.allocUnsafeSlow(blockSize);
  let used = 0;

  async function* put(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.byteLength; ) {
      const count = Math.min(block.length - used, bytes.byteLength - at);
      block.set(bytes.subarray(at, at + count), used);
      used += count;
      at += count;
      if (used === block.length) {
        yield block;
        used = 0;
      }
    }
  }

  async function* putFile(entry: PlannedEntry): AsyncGenerator<Uint8Array> {
    const fd = openFile(entry.from);
    try {
      const before = statFile(fd, entry.from);
      const { size } = before;
      const header = headerOf(entry, size, before.mode, options);
      if (size <= smallFile) {
        const pad = padding(size);
        if (used + header.length + size + pad.byteLength > block.length) {
          yield block.subarray(0, used);
          used = 0;
        }
        header.copy(block, used);
        readSmall(fd, entry.from, block.subarray(used + header.length, used + header.length + size));
        block.set(pad, used + header.length + size);
        used += header.length + size + pad.byteLength;
      } else {
        yield* put(header);
        for (let left = size; left > 0; ) {
          const room = block.subarray(used, used + Math.min(block.length - used, left));
          const { bytesRead } = await readAsync(fd, room, 0, room.length, null).catch((error: unknown) => {
            throw cannotRead(error, entry.from);
          });
          if (bytesRead === 0) throw changed(entry.from, `it ends ${left} bytes before its size`);
          used += bytesRead;
          left -= bytesRead;
          if (used === block.length) {
            yield block;
            used = 0;
          }
          await slice.rest();
        }
        checkSame(before, statFile(fd, entry.from), entry.from);
        yield* put(padding(size));
      }
      options.on?.({ type: "file", path: entry.name, bytes: size });
    } finally {
      closeSync(fd);
    }
  }

  for (const entry of entries) {
    if (entry.type === "file" && entry.onDisk) yield* putFile(entry);
    else {
      const content = entry.bytes ?? new Uint8Array(0);
      yield* put(headerOf(entry, content.byteLength, modeOnDisk(entry, options), options));
      yield* put(content);
      yield* put(padding(content.byteLength));
      if (entry.type !== "directory") {
        options.on?.({ type: "file", path: entry.name, bytes: content.byteLength });
      }
    }
    if (slice.over) await slice.rest();
  }
  yield* put(tarEnd);
  if (used > 0) yield block.subarray(0, used);
}

function headerOf(
  entry: PlannedEntry,
  size: number,
  modeOnDisk: number | undefined,
  { owner, mtime, preservePermissions }: LayerTarOptions,
): Buffer {
  const tarEntry: TarEntry = {
    name: entry.name,
    type: entry.type,
    mode: entry.mode ?? modeOf(entry.type, modeOnDisk, preservePermissions),
    uid: owner.uid,
    gid: owner.gid,
    mtime,
    size,
    ...(entry.linkName === undefined ? {} : { linkName: entry.linkName }),
  };
  return encodeHeader(tarEntry);
}

/** Normalised modes depend on nothing but whether the owner may execute a file: a umask leaves no trace. */
function modeOf(type: PlannedEntry["type"], onDisk: number | undefined, preserve: boolean): number {
  if (type === "symlink") return 0o777;
  if (preserve && onDisk !== undefined) return onDisk & 0o777;
  if (type === "directory") return 0o755;
  return ((onDisk ?? 0) & 0o100) === 0 ? 0o644 : 0o755;
}

function modeOnDisk(entry: PlannedEntry, { preservePermissions }: LayerTarOptions): number | undefined {
  if (!preservePermissions || !entry.onDisk || entry.type !== "directory") return undefined;
  try {
    return lstatSync(entry.from).mode;
  } catch (error) {
    throw cannotRead(error, entry.from);
  }
}

/** Follows no link and waits for no pipe: the walk saw a plain file here. */
function openFile(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    throw cannotRead(error, path);
  }
}

function statFile(fd: number, path: string): Stats {
  const stat = fstatSync(fd);
  if (!stat.isFile()) throw changed(path, "it is no plain file any more");
  return stat;
}

function readSmall(fd: number, path: string, into: Buffer): void {
  try {
    let filled = 0;
    while (filled < into.length) {
      const count = readSync(fd, into, filled, into.length - filled, null);
      if (count === 0) throw changed(path, `it ends ${into.length - filled} bytes before its size`);
      filled += count;
    }
    if (readSync(fd, oneByte, 0, 1, null) > 0) throw changed(path, "it grows");
  } catch (error) {
    throw cannotRead(error, path);
  }
}

const oneByte = Buffer.alloc(1);

function checkSame(before: Stats, after: Stats, path: string): void {
  if (after.size > before.size) throw changed(path, "it grows");
  if (after.size < before.size) throw changed(path, "it shrinks");
  if (after.mtimeMs !== before.mtimeMs) throw changed(path, "it was written to");
}
