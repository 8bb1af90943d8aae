import { Fault } from "./errors.ts";

/**
 * Notices clients that send or take a byte now and then to hold a connection for ever. Only time spent on waiting for the
 * client counts: a slow disk is not its fault. Complete silence is the socket's time-out, not this one's.
 */
export class Patience {
  readonly #windowMs: number;
  readonly #bytesPerSecond: number;
  #waited = 0;
  #bytes = 0;
  #since = 0;

  constructor(windowMs: number, bytesPerSecond: number) {
    this.#windowMs = windowMs;
    this.#bytesPerSecond = bytesPerSecond;
  }

  wait(): void {
    this.#since = performance.now();
  }

  /** @throws Fault 408 when the client was too slow over the window that ends now */
  moved(bytes: number): void {
    this.#waited += performance.now() - this.#since;
    this.#bytes += bytes;
    if (this.#waited < this.#windowMs) return;
    if (this.#bytes * 1000 < this.#bytesPerSecond * this.#waited) {
      throw new Fault(408, "TIMEOUT", `less than ${this.#bytesPerSecond} bytes per second`);
    }
    this.#waited = 0;
    this.#bytes = 0;
  }
}
