import { realpath, stat } from "node:fs/promises";
import { streamOf } from "../../bytes/stream.ts";
import { isLadingError, systemCode } from "../../errors.ts";
import type { EventListener } from "../../events.ts";
import { tarEnd } from "../../formats/tar/encode.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import { PartialFile } from "../../stores/archive/partial-file.ts";
import { writeFully } from "../../stores/file-writer.ts";
import { storeError } from "../../stores/store-error.ts";
import { during } from "../steps.ts";
import { documentName } from "./document.ts";
import { type FilledLayer, fillLayers } from "./fill.ts";
import type { NonDistributableLayers, TarImage } from "./image.ts";
import { Journal } from "./journal.ts";
import { type BundleTar, openTar } from "./open.ts";
import { defaultConcurrency, type PreparedTar, prepareTar, type TarContentOptions } from "./prepare.ts";
import { streamTar } from "./stream.ts";

export type { NonDistributableLayers, TarImage } from "./image.ts";
export type { TarContentOptions } from "./prepare.ts";

export interface PlanTarOptions extends TarContentOptions {
  /** A tar whose layers would be used again, where there is one at this path. */
  readonly previous?: string;
}

/** What a tar would hold. */
export interface TarPlan {
  /** Bytes of the tar. */
  readonly size: number;
  /** Its layers, sorted by digest. */
  readonly layers: readonly Descriptor[];
  /** Of these, the ones that need not be fetched. */
  readonly reused: readonly Descriptor[];
  /** Layers that its receiver has. */
  readonly leftOut: readonly Descriptor[];
  /** By image, in the order of the images; in the tar only when asked for. */
  readonly nonDistributable: readonly NonDistributableLayers[];
}

export interface WriteTarOptions extends TarContentOptions {
  /** Use the layers of the tar that is at the path already. Default false. */
  readonly resume?: boolean;
  readonly on?: EventListener;
}

export interface TarResult extends TarPlan {
  /** The tar's entries in the order in which they were done. */
  readonly entries: readonly { readonly name: string; readonly milliseconds: number }[];
}

/** What is kept of an unfinished tar has to be worth a file that stays behind. Bytes. */
const worthKeeping = 1024 * 1024;

/**
 * Reads manifests and configs, and tells what `writeTar` would write.
 * @throws LadingError as `writeTar`
 */
export async function planTar(images: readonly TarImage[], options: PlanTarOptions = {}): Promise<TarPlan> {
  const tar = await prepareTar(images, options);
  const previous = await openPrevious(options.previous, options.signal);
  try {
    const layers = tar.blobs.map(({ descriptor }) => descriptor);
    return planOf(
      tar,
      layers.filter((layer) => previous?.hasLayer(layer) === true),
    );
  } finally {
    await previous?.[Symbol.asyncDispose]();
  }
}

/**
 * Writes images into a tar in imgpkg's form. It appears under its name when it is whole, and what stood there stays until
 * then. A run that was killed or stopped is gone on with when the same images are written to the same path again. The
 * same input gives the same bytes. To a pipe or a device the tar is written straight, layer by layer.
 * @throws LadingError ERR_LADING_CONFLICT when another process writes the same tar, ERR_LADING_LIMIT,
 * ERR_LADING_UNSUPPORTED, ERR_LADING_STORE, and what reading the images throws
 */
export async function writeTar(
  path: string,
  images: readonly TarImage[],
  options: WriteTarOptions = {},
): Promise<TarResult> {
  const target = await followed(path);
  const previous = await openPrevious(options.resume === true ? target : undefined, options.signal);
  try {
    const start = performance.now();
    const tar = await prepareTar(images, options);
    const on = options.on ?? (() => {});
    const { length } = tar.blobs;
    const bytes = tar.blobs.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
    on({ type: "planned", nodes: length, bytes, presentBytes: 0 });
    const document = { name: documentName, milliseconds: performance.now() - start };
    const concurrency = options.concurrency ?? defaultConcurrency;
    const fillOptions = { concurrency, previous, on, signal: options.signal };
    const filled = (await isStream(target))
      ? await streamTar(target, tar, fillOptions)
      : await writeFile(target, tar, fillOptions);
    const reused = filled.filter((layer) => layer.reused).map(({ descriptor }) => descriptor);
    const entries = filled.map(({ name, milliseconds }) => ({ name, milliseconds }));
    return { ...planOf(tar, reused), entries: [document, ...entries] };
  } finally {
    await previous?.[Symbol.asyncDispose]();
  }
}

async function writeFile(
  path: string,
  tar: PreparedTar,
  options: Parameters<typeof fillLayers>[3],
): Promise<readonly FilledLayer[]> {
  const { signal, on } = options;
  const file = await PartialFile.open(path, path, signal);
  let journal: Journal | undefined;
  try {
    journal = await Journal.open(file, tar);
    await file.writeEntry(tar.documentPlace, streamOf(tar.document));
    const filled = await fillLayers(file, tar.blobs, journal, options);
    await file.disk(writeFully(file.handle, tarEnd, tar.endAt));
    await file.publish(tar.size, signal);
    return filled;
  } catch (error) {
    // On a disk that is full, what stays behind would only be in the way.
    const keep = !file.refused && (journal?.total() ?? 0) >= worthKeeping;
    await file.close(keep);
    if (keep) {
      const hint = "run the same again and it goes on from there, or delete the file";
      on({ type: "warning", message: `what was fetched stays in ${file.path}`, hint });
    }
    throw error;
  }
}

function planOf(tar: PreparedTar, reused: readonly Descriptor[]): TarPlan {
  return {
    size: tar.size,
    layers: tar.blobs.map(({ descriptor }) => descriptor),
    reused,
    leftOut: tar.leftOut,
    nonDistributable: tar.nonDistributable,
  };
}

/** The tar at the path; undefined when there is nothing. */
async function openPrevious(
  path: string | undefined,
  signal: AbortSignal | undefined,
): Promise<BundleTar | undefined> {
  if (path === undefined) return undefined;
  const isThere = await stat(path).then(
    () => true,
    (error: unknown) => systemCode(error) !== "ENOENT",
  );
  if (!isThere) return undefined;
  return during(`Reading previously created tar '${path}'`, () =>
    openTar(path, signal === undefined ? {} : { signal }),
  );
}

/** Where a link at the path leads: it stays, as when the file itself were written to. */
async function followed(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    const failure = storeError(error, path, `cannot write ${path}`);
    if (isLadingError(failure) && failure.code === "ERR_LADING_NOT_FOUND") return path;
    throw failure;
  }
}

/** Whether the path is a pipe or a device: something that bytes can only be sent to. */
async function isStream(path: string): Promise<boolean> {
  const info = await stat(path).catch(() => undefined);
  return info?.isFIFO() === true || info?.isCharacterDevice() === true;
}
