import type { Body } from "../../bytes/body.ts";
import { allSettled, createGate, linkedAbort } from "../../copy/together.ts";
import { isLadingError, LadingError } from "../../errors.ts";
import type { EventListener } from "../../events.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import { isNonDistributable } from "../../spec/media-type.ts";
import type { PartialFile } from "../../stores/archive/partial-file.ts";
import { heldBytes } from "../../stores/file-writer.ts";
import { during } from "../steps.ts";
import type { Journal } from "./journal.ts";
import { areWrong, layerBodies } from "./layer-bodies.ts";
import type { BundleTar } from "./open.ts";
import type { TarBlob } from "./prepare.ts";

/** A killed run loses at most this much of each layer that was on its way, and what was not written yet. Bytes. */
const notedEvery = 4 * 1024 * 1024;

export interface FillOptions {
  readonly concurrency: number;
  /** The tar that the new one replaces: its layers are taken where they are right. */
  readonly previous: BundleTar | undefined;
  readonly on: EventListener;
  readonly signal: AbortSignal | undefined;
}

/** How a layer got into the tar. */
export interface FilledLayer {
  readonly name: string;
  readonly descriptor: Descriptor;
  /** All of it was there, from an earlier run or in the tar that was replaced. */
  readonly reused: boolean;
  readonly milliseconds: number;
}

/**
 * Fills the layers of a tar into their places: the biggest first, several at once, each checked while it is written.
 * @returns the layers in the order in which they were done
 * @throws what reading and writing throws; what was written is noted in the journal then
 */
export async function fillLayers(
  file: PartialFile,
  blobs: readonly TarBlob[],
  journal: Journal,
  options: FillOptions,
): Promise<readonly FilledLayer[]> {
  const { signal, abort } = linkedAbort(options.signal);
  const filler = new Filler(file, journal, { ...options, signal });
  const gate = createGate(options.concurrency);
  const order = blobs.map((blob, index) => ({ blob, index }));
  order.sort((a, b) => b.blob.descriptor.size - a.blob.descriptor.size || a.index - b.index);
  const done: FilledLayer[] = [];
  await during("Filling in a layer", () =>
    allSettled(
      order.map(({ blob, index }) =>
        gate(async () => {
          signal.throwIfAborted();
          done.push(await filler.fill(blob, index));
        }),
      ),
      abort,
    ),
  );
  return done;
}

class Filler {
  readonly #file: PartialFile;
  readonly #journal: Journal;
  readonly #options: FillOptions & { readonly signal: AbortSignal };

  constructor(file: PartialFile, journal: Journal, options: FillOptions & { readonly signal: AbortSignal }) {
    this.#file = file;
    this.#journal = journal;
    this.#options = options;
  }

  async fill(blob: TarBlob, index: number): Promise<FilledLayer> {
    const { descriptor, place } = blob;
    const { on, previous, signal } = this.#options;
    const start = performance.now();
    const bodies = layerBodies(blob, previous);
    let kept = this.#journal.bytes(index);
    let reused = kept > 0 && kept === descriptor.size;
    on({ type: "started", descriptor, to: this.#file.label, offset: kept });
    for (let turn = 0; ; ) {
      const from = bodies[turn];
      const attempt = { at: kept };
      const stream = this.#content(blob, index, from?.body, kept, attempt);
      const progress = (bytes: number) => on({ type: "progress", descriptor, to: this.#file.label, bytes });
      try {
        await this.#file.writeEntry(place, stream, { kept, on: progress });
        reused ||= from?.reused === true;
        break;
      } catch (error) {
        if (this.#file.refused) throw error;
        const wrong = areWrong(error);
        // What an earlier run left may be what is wrong: then the same source gets another chance, from the start.
        if (!wrong || kept === 0) turn++;
        kept = wrong ? 0 : attempt.at;
        reused = false;
        await this.#journal.note(index, kept);
        if (signal.aborted || turn >= bodies.length) throw missing(error, descriptor);
        on({ type: "restarted", descriptor, to: this.#file.label, offset: kept });
      }
    }
    await this.#journal.note(index, descriptor.size);
    on({ type: "finished", descriptor, to: this.#file.label, how: reused ? "present" : "written" });
    return { name: place.name, descriptor, reused, milliseconds: performance.now() - start };
  }

  /** The whole content: what is in its place already, then the rest from the source. */
  async *#content(
    { place }: TarBlob,
    index: number,
    body: Body | undefined,
    kept: number,
    attempt: { at: number },
  ): AsyncGenerator<Uint8Array> {
    const { signal } = this.#options;
    if (kept > 0) {
      const dataAt = place.headerAt + place.header.byteLength;
      yield* this.#file.read(dataAt, dataAt + kept, signal);
      if (kept === place.size) return;
    }
    if (body === undefined) return;
    let noted = kept;
    for await (const chunk of await body.open({ offset: kept, signal })) {
      signal.throwIfAborted();
      yield chunk;
      attempt.at += chunk.byteLength;
      if (attempt.at - noted < notedEvery + heldBytes) continue;
      noted = attempt.at - heldBytes;
      await this.#journal.note(index, noted);
    }
  }
}

/** A layer that need not be distributed is often in no registry; without any other the source is damaged. */
function missing(error: unknown, { mediaType, digest }: Descriptor): unknown {
  if (!isLadingError(error) || error.code !== "ERR_LADING_NOT_FOUND") return error;
  const mayBeElsewhere = isNonDistributable(mediaType);
  const layer = mayBeElsewhere ? "non-distributable layer" : "layer";
  return new LadingError("ERR_LADING_MISSING_CONTENT", `the ${layer} ${digest} is not there`, {
    ...(error.place === undefined ? {} : { place: error.place }),
    hint: mayBeElsewhere
      ? "it is only where its urls point: leave it out, or bring it to the source first"
      : "the source is damaged: bring the image to it again",
    cause: error,
  });
}
