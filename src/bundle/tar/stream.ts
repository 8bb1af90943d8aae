import { type ByteStream, observe, streamOf } from "../../bytes/stream.ts";
import { verify } from "../../bytes/verify.ts";
import { padding, tarEnd } from "../../formats/tar/encode.ts";
import type { EntryPlace } from "../../stores/archive/partial-file.ts";
import { during } from "../steps.ts";
import type { FilledLayer, FillOptions } from "./fill.ts";
import { type LayerBody, layerBodies } from "./layer-bodies.ts";
import { openPipe, type Pipe } from "./pipe.ts";
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
  const pipe = await openPipe(path, options.signal);
  try {
    await sendEntry(pipe, tar.documentPlace, streamOf(tar.document));
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
  await sendEntry(pipe, place, content);
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

async function sendEntry(pipe: Pipe, place: EntryPlace, content: ByteStream): Promise<void> {
  await pipe.send(place.header);
  for await (const chunk of verify(content, place, pipe.path)) await pipe.send(chunk);
  await pipe.send(padding(place.size));
}
