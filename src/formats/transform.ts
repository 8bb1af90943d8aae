import type { Transform } from "node:stream";
import type { ByteStream } from "../bytes/stream.ts";

/** A Node transform that says how much input it has used, as all of `node:zlib` do. */
export interface CountingTransform extends Transform {
  /** Input bytes used so far. */
  readonly bytesWritten: number;
}

/**
 * Runs a stream through a Node transform, pulled by its consumer. The next input chunk is asked for only when the
 * transform is done with the last one, so a source may reuse its buffers; `pipeline` would read ahead of that. While
 * the consumer works on a piece of output, the thread pool already works on the next.
 *
 * When the transform ends before its input does, `onRest` gets what it left, chunk by chunk.
 * @throws what `onError` makes of the transform's error; errors of the input pass as they are
 */
export async function* throughTransform(
  stream: ByteStream,
  transform: CountingTransform,
  onError: (error: Error) => Error,
  onRest: (rest: Uint8Array) => void = () => {},
): AsyncGenerator<Uint8Array> {
  let failure: Error | undefined;
  let wake = (): void => {};
  const wakeUp = () => wake();
  transform.on("error", (error: Error) => {
    failure = error;
    wake();
  });
  transform.on("readable", wakeUp);
  transform.on("end", wakeUp);

  async function* outputUntil(done: () => boolean): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (failure !== undefined) throw onError(failure);
      const output = transform.read() as Buffer | null;
      if (output !== null) yield output;
      else if (done() || transform.readableEnded) return;
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  }

  try {
    let given = 0;
    let ended = false;
    for await (const chunk of stream) {
      if (ended) {
        onRest(chunk);
        continue;
      }
      if (chunk.byteLength === 0) continue;
      let used = false;
      transform.write(chunk, () => {
        used = true;
        wake();
      });
      given += chunk.byteLength;
      yield* outputUntil(() => used);
      const left = given - transform.bytesWritten;
      if (left > 0) {
        ended = true;
        onRest(chunk.subarray(chunk.byteLength - left));
      }
    }
    if (!ended) {
      transform.end();
      yield* outputUntil(() => false);
    }
  } finally {
    transform.destroy();
  }
}
