import { lstatSync } from "node:fs";
import type { Body } from "../../bytes/body.ts";
import type { EventListener } from "../../events.ts";
import { compress } from "../../formats/compression.ts";
import { encodeHeader } from "../../formats/tar/encode.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import type { Digest } from "../../spec/digest.ts";
import { type Compression, mediaTypes } from "../../spec/media-type.ts";
import { TimeSlice } from "../time-slice.ts";
import { cannotRead } from "./disk-error.ts";
import type { LayerInput, PlannedEntry } from "./input.ts";
import { layerTar } from "./layer-tar.ts";
import { packLayer } from "./pack.ts";
import { planLayer } from "./plan.ts";

export interface LayerOptions {
  /** Default gzip. The bytes of zstd may differ between versions of Node, those of gzip do not. */
  readonly compression?: Compression;
  /** 1 to 9 for gzip (default 1), 1 to 19 for zstd (default 3). */
  readonly level?: number;
  /** Where the layer lies until it is disposed of, in a file without a name. */
  readonly tempDir: string;
  /** Keeps the rwx bits of files and folders on disk, instead of 0755 for what the owner may execute and 0644. */
  readonly preservePermissions?: boolean;
  /** Time of every entry, in seconds since 1970. Default 0. */
  readonly mtime?: number;
  /** Owner of every entry. Default 0:0. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** Gets a `file` event for each file and link. */
  readonly on?: EventListener;
  readonly signal?: AbortSignal;
}

/** A layer that was made here. Its body can be opened until it is disposed of. */
export interface Layer {
  readonly descriptor: Descriptor;
  /** Digest of the uncompressed tar. */
  readonly diffId: Digest;
  readonly body: Body;
  [Symbol.asyncDispose](): Promise<void>;
}

const layerTypes: Readonly<Record<Compression, string>> = {
  none: mediaTypes.ociLayer,
  gzip: mediaTypes.ociLayerGzip,
  zstd: mediaTypes.ociLayerZstd,
};

/**
 * Makes a layer from files, folders and entries in memory, in one pass: read, tar, hash, compress, hash, write. The
 * same files give the same layer on any machine, at any time, whoever owns them: entries are sorted by their paths'
 * bytes, owners and times fixed, modes normalised. Symbolic links go in as they are; hard links become files of their
 * own, since what a folder is linked to depends on how it was made.
 * @throws LadingError ERR_LADING_NOT_FOUND for a path that is not there, ERR_LADING_STORE for what cannot be read or
 *   written, ERR_LADING_CONFLICT for a file that changes meanwhile, ERR_LADING_UNSUPPORTED for sockets, pipes, devices,
 *   whiteouts and names that are not UTF-8, ERR_LADING_USAGE for two things at one path
 */
export async function createLayer(inputs: readonly LayerInput[], options: LayerOptions): Promise<Layer> {
  const { compression = "gzip", level, signal, tempDir } = options;
  signal?.throwIfAborted();
  const slice = new TimeSlice(signal);
  const entries = await planLayer(inputs, slice);

  const owner = options.owner ?? { uid: 0, gid: 0 };
  const mtime = options.mtime ?? 0;
  const preserve = options.preservePermissions ?? false;
  const tar = layerTar(entries, slice, {
    header: (entry, size, modeOnDisk) =>
      encodeHeader({
        name: entry.name,
        type: entry.type,
        mode: entry.mode ?? modeOf(entry, modeOnDisk, preserve),
        ...owner,
        mtime,
        size,
        ...(entry.linkName === undefined ? {} : { linkName: entry.linkName }),
      }),
    ...(options.on === undefined ? {} : { on: options.on }),
  });
  return await packLayer(tar, {
    mediaType: layerTypes[compression],
    compress: (stream) =>
      compress(stream, compression, {
        ...(level === undefined ? {} : { level }),
        ...(signal === undefined ? {} : { signal }),
      }),
    tempDir,
    signal,
  });
}

/** Normalised modes depend on nothing but whether the owner may execute a file: a umask leaves no trace. */
function modeOf(entry: PlannedEntry, fileMode: number | undefined, preserve: boolean): number {
  if (entry.type === "symlink") return 0o777;
  if (entry.type === "directory") return preserve && entry.onDisk ? modeOfFolder(entry.from) : 0o755;
  if (preserve && fileMode !== undefined) return fileMode & 0o777;
  return ((fileMode ?? 0) & 0o100) === 0 ? 0o644 : 0o755;
}

function modeOfFolder(path: string): number {
  try {
    return lstatSync(path).mode & 0o777;
  } catch (error) {
    throw cannotRead(error, path);
  }
}
