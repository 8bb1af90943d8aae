import { bestSpeedModule } from "./best-speed-module.ts";

/** What the WebAssembly module offers; see wasm/gzip-best-speed/index.ts. */
interface EncoderExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  inputAt(): number;
  outputAt(): number;
  start(): void;
  encode(size: number): number;
  finish(size: number): number;
}

/** As much of WebAssembly as is used here; Node's types leave it to those of browsers. */
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: object };
}

/** Bytes of input that the module takes at once, unless they are the last: eight blocks, some 2 ms of work. */
export const batchSize = 8 * 65_535;

/** More than what can come out of one batch (see wasm/gzip-best-speed/memory.ts). */
export const mostOutput = 8 * 99_000;

const { WebAssembly } = globalThis as unknown as { readonly WebAssembly: WebAssemblyApi };
let compiled: object | undefined;
let encoder: EncoderExports | undefined;

/** The compiled module. It may be given to other threads. */
export function encoderModule(): object {
  compiled ??= new WebAssembly.Module(Buffer.from(bestSpeedModule, "base64"));
  return compiled;
}

/**
 * Compresses on this thread, in one go.
 * @param batches all but the last of {@link batchSize} bytes; there is one at least
 * @returns a whole deflate stream
 */
export function deflateAtOnce(batches: readonly Uint8Array[]): Buffer {
  encoder ??= new WebAssembly.Instance(encoderModule()).exports as EncoderExports;
  const { encode, finish, inputAt, outputAt } = encoder;
  const memory = Buffer.from(encoder.memory.buffer);
  encoder.start();
  const outputs = batches.map((batch, i) => {
    memory.set(batch, inputAt());
    const size = i === batches.length - 1 ? finish(batch.byteLength) : encode(batch.byteLength);
    return Buffer.from(memory.subarray(outputAt(), outputAt() + size));
  });
  return Buffer.concat(outputs);
}
