import { Fault } from "./errors.ts";

/** Addresses that are remembered at most. */
const most = 10_000;

/** At most so many requests of one address in a window that slides with time (a token bucket that refills evenly). */
export class RateLimit {
  readonly #requests: number;
  readonly #perMs: number;
  readonly #buckets = new Map<string, { left: number; at: number }>();

  constructor(options: { readonly requests: number; readonly perMs: number }) {
    this.#requests = options.requests;
    this.#perMs = options.perMs;
  }

  /** @throws Fault TOOMANYREQUESTS with the seconds to wait */
  take(address: string, now = performance.now()): void {
    const known = this.#buckets.get(address);
    this.#buckets.delete(address);
    const bucket = known ?? { left: this.#requests, at: now };
    bucket.left = Math.min(this.#requests, bucket.left + ((now - bucket.at) * this.#requests) / this.#perMs);
    bucket.at = now;
    this.#buckets.set(address, bucket);
    if (this.#buckets.size > most) {
      for (const oldest of this.#buckets.keys()) {
        this.#buckets.delete(oldest);
        break;
      }
    }
    if (bucket.left >= 1) {
      bucket.left--;
      return;
    }
    const waitMs = ((1 - bucket.left) * this.#perMs) / this.#requests;
    throw new Fault(429, "TOOMANYREQUESTS", "slow down", {
      headers: { "retry-after": String(Math.max(1, Math.ceil(waitMs / 1000))) },
    });
  }
}
