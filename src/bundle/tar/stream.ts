import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { type ByteStream, observe, streamOf } from "../../bytes/stream.ts";
import { verify } from "../../bytes/verify.ts";
import { padding, tarEnd } from "../../formats/tar/encode.ts";
import type { EntryPlace } from "../../stores/archive/partial-file.ts";
import { storeError } from "../../stores/store-error.ts";
import { during } from "../steps.ts";
import type { FilledLayer, FillOptions } from "./fill.ts";
import { type LayerBody, layerBodies } from "./layer-bodies.ts";
import type { PreparedTar, TarBlob } from "./prepare.ts";

/**
 * Writes a tar to a pipe or a device: entry after entry, each layer checked as it goes by. What is wrong shows only when
 * its bytes are sent, and then the tar has no end.
 * @throws as `fillLayers`
 */
export async function streamTar(
  path: string,
  tar: PreparedTar,
  options: FillOptions,
): Promise<readonly FilledLayer[]> {
  const pipe = await Pipe.open(path);
  try {
    await pipe.sendEntry(tar.documentPlace, streamOf(tar.document));
    const done: FilledLayer[] = [];
    for (const blob of tar.blobs) {
      done.push(await during("Filling in a layer", () => sendLayer(pipe, blob, options)));
    }
    await pipe.send(tarEnd);
    return done;
  } finally {
    await pipe.close();
  }
}

async function sendLayer(pipe: Pipe, blob: TarBlob, options: FillOptions): Promise<FilledLayer> {
  const { descriptor, place } = blob;
  const { on, signal } = options;
  const start = performance.now();
  const bodies = layerBodies(blob, undefined);
  on({ type: "started", descriptor, to: pipe.path, offset: 0 });
  const content = observe(contentOf(bodies, signal), (bytes) => {
    signal?.throwIfAborted();
    on({ type: "progress", descriptor, to: pipe.path, bytes });
  });
  await pipe.sendEntry(place, content);
  on({ type: "finished", descriptor, to: pipe.path, how: "written" });
  return { name: place.name, descriptor, reused: false, milliseconds: performance.now() - start };
}

/** The content from the first place that has it; where one fails, the next one goes on. */
async function* contentOf(
  bodies: readonly LayerBody[],
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  let offset = 0;
  for (const [i, { body }] of bodies.entries()) {
    try {
      for await (const chunk of await body.open({ offset, ...(signal === undefined ? {} : { signal }) })) {
        offset += chunk.byteLength;
        yield chunk;
      }
      return;
    } catch (error) {
      if (signal?.aborted || i === bodies.length - 1) throw error;
    }
  }
}

class Pipe {
  readonly path: string;
  readonly #handle: FileHandle;

  private constructor(path: string, handle: FileHandle) {
    this.path = path;
    this.#handle = handle;
  }

  static async open(path: string): Promise<Pipe> {
    try {
      return new Pipe(path, await open(path, constants.O_WRONLY));
    } catch (error) {
      throw storeError(error, path, `cannot write ${path}`);
    }
  }

  async sendEntry(place: EntryPlace, content: ByteStream): Promise<void> {
    await this.send(place.header);
    for await (const chunk of verify(content, place, this.path)) await this.send(chunk);
    await this.send(padding(place.size));
  }

  async send(bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.byteLength; ) {
        at += (await this.#handle.write(bytes, at, bytes.byteLength - at, null)).bytesWritten;
      }
    } catch (error) {
      throw storeError(error, this.path, `cannot write ${this.path}`);
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
