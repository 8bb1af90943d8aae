import { Worker } from "node:worker_threads";
import { encoderModule } from "./best-speed-encoder.ts";

/** Bytes of input or output, at the start of a buffer that goes to the thread and back. */
export interface Batch {
  readonly buffer: Uint8Array<ArrayBuffer>;
  readonly size: number;
}

interface Waiting {
  resolve(output: Batch): void;
  reject(error: unknown): void;
}

/**
 * What runs on the thread. It is text so that no bundler has to find and place a file for it. All knowledge is in the
 * module: this only carries bytes in and out.
 */
const program = `
const { parentPort, workerData } = require("node:worker_threads");
const { exports } = new WebAssembly.Instance(workerData);
const memory = new Uint8Array(exports.memory.buffer);
const input = exports.inputAt(), output = exports.outputAt();
exports.start();
parentPort.on("message", ({ buffer, size, last }) => {
  memory.set(buffer.subarray(0, size), input);
  const written = last ? exports.finish(size) : exports.encode(size);
  buffer.set(memory.subarray(output, output + written));
  parentPort.postMessage({ buffer, size: written }, [buffer.buffer]);
});
`;

/**
 * A thread that compresses one stream. It keeps the process alive only while it works, so one that nobody ends does no
 * harm.
 */
export class BestSpeedWorker {
  readonly #worker: Worker;
  readonly #waiting: Waiting[] = [];
  #failure: unknown;
  #isEnding = false;

  constructor() {
    this.#worker = new Worker(program, {
      eval: true,
      workerData: encoderModule(),
      // Nothing of how this process was started concerns it: no loaders, no variables.
      execArgv: [],
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 },
    });
    this.#worker.unref();
    this.#worker.on("message", (output: Batch) => {
      const waiting = this.#waiting.shift();
      // While it ends somebody waits for that, whatever is still said meanwhile.
      if (this.#waiting.length === 0 && !this.#isEnding) this.#worker.unref();
      waiting?.resolve(output);
    });
    this.#worker.on("error", (error) => this.#fail(error));
    this.#worker.on("exit", (code) => this.#fail(new Error(`the thread that compresses ended with ${code}`)));
  }

  /**
   * Compresses a batch: `batchSize` bytes, or fewer if it is the last. The buffer, of `mostOutput` bytes, is the thread's
   * until it comes back with the output; batches come back in their order.
   */
  deflate(input: Batch, last: boolean): Promise<Batch> {
    const output = new Promise<Batch>((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      this.#waiting.push({ resolve, reject });
      this.#worker.ref();
      this.#worker.postMessage({ ...input, last }, [input.buffer.buffer]);
    });
    // It is awaited in its turn; should something else fail before, its own failure must not end the process.
    output.catch(() => {});
    return output;
  }

  /** Ends the thread, whatever it is doing. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnding = true;
    this.#worker.ref();
    await this.#worker.terminate();
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure);
  }
}
