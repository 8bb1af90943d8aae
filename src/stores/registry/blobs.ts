import type { Body, OpenFrom } from "../../bytes/body.ts";
import { type ByteStream, streamOf } from "../../bytes/stream.ts";
import { isLadingError, LadingError, SizeMismatchError } from "../../errors.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import { shortDigest } from "../../spec/digest.ts";
import { isNonDistributable } from "../../spec/media-type.ts";
import type { Answer } from "./http/exchange.ts";
import { resolveLocation } from "./http/redirects.ts";
import type { RepositorySession } from "./session.ts";

/** A download that got this far since its last failure counts its attempts anew. */
const progressThatCounts = 1024 * 1024;

/**
 * A blob's bytes. A connection that breaks is taken up again where it stood, as the retry policy says. A layer that need
 * not be distributed, and that the registry does not have, is read from the `urls` of its descriptor; those other hosts get
 * no credentials.
 */
export function blobBody(session: RepositorySession, descriptor: Descriptor): Body {
  return {
    size: descriptor.size,
    open: async (from) => {
      from.signal?.throwIfAborted();
      if (from.offset > 0 && from.offset >= descriptor.size) return streamOf();
      return new Download(session, descriptor, from).started();
    },
  };
}

class Download implements AsyncIterableIterator<Uint8Array> {
  readonly #session: RepositorySession;
  readonly #descriptor: Descriptor;
  readonly #signal: AbortSignal | undefined;
  readonly #what: string;
  #from: string | URL;
  /** Where else it is to be had, in order. */
  readonly #elsewhere: URL[];
  #position: number;
  #source: AsyncIterator<Uint8Array> | undefined;
  /** Bytes at the start of the current answer that were already delivered. */
  #skip = 0;
  #attempt = 1;
  #failedAt: number;

  constructor(session: RepositorySession, descriptor: Descriptor, from: OpenFrom) {
    this.#session = session;
    this.#descriptor = descriptor;
    this.#signal = from.signal;
    this.#from = `blobs/${descriptor.digest}`;
    this.#elsewhere = foreignUrls(descriptor);
    this.#position = from.offset;
    this.#failedAt = from.offset;
    this.#what = `read blob ${shortDigest(descriptor.digest)}`;
  }

  /** Sends the first request at once: what is absent is told on opening. */
  async started(): Promise<ByteStream> {
    await this.#connect();
    return this;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    for (;;) {
      this.#signal?.throwIfAborted();
      let failure: unknown;
      try {
        const source = this.#source ?? (await this.#connect());
        const result = await source.next();
        if (result.done !== true) {
          const chunk = this.#take(result.value);
          if (chunk.byteLength === 0) continue;
          return { done: false, value: chunk };
        }
        if (this.#position === this.#descriptor.size) return { done: true, value: undefined };
        failure = new SizeMismatchError(this.#descriptor.size, this.#position, {
          place: this.#session.label,
          retryable: true,
        });
      } catch (error) {
        failure = error;
      }
      await this.#disconnect();
      await this.#retry(failure);
    }
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    await this.#disconnect();
    return { done: true, value: undefined };
  }

  #take(value: Uint8Array): Uint8Array {
    const chunk =
      this.#skip >= value.byteLength ? value.subarray(value.byteLength) : value.subarray(this.#skip);
    this.#skip -= value.byteLength - chunk.byteLength;
    this.#position += chunk.byteLength;
    if (this.#position > this.#descriptor.size) {
      throw new SizeMismatchError(this.#descriptor.size, this.#position, { place: this.#session.label });
    }
    return chunk;
  }

  async #retry(failure: unknown): Promise<void> {
    this.#signal?.throwIfAborted();
    if (this.#position - this.#failedAt >= progressThatCounts) this.#attempt = 1;
    this.#failedAt = this.#position;
    const call = { registry: this.#session.registry, what: this.#what, signal: this.#signal };
    const url = await this.#session.base(this.#signal);
    const error = this.#session.exchange.failed(failure, {
      what: this.#what,
      place: this.#session.label,
      url,
    });
    await this.#session.exchange.waitToRetry(error, this.#attempt++, call);
  }

  /** Not in the registry; or, of the `urls`, one that does not give it. */
  #isGone(error: unknown): boolean {
    this.#signal?.throwIfAborted();
    return isLadingError(error) && (this.#from instanceof URL || error.code === "ERR_LADING_NOT_FOUND");
  }

  /** A manifest may name any place, but none that a redirect may not lead to either: what only this machine can reach. */
  async #nextPlace(): Promise<URL | undefined> {
    const base = await this.#session.base(this.#signal);
    for (let next = this.#elsewhere.shift(); next !== undefined; next = this.#elsewhere.shift()) {
      try {
        return resolveLocation(next.href, base, this.#session.label);
      } catch (error) {
        if (!isLadingError(error)) throw error;
      }
    }
    return undefined;
  }

  async #disconnect(): Promise<void> {
    const source = this.#source;
    this.#source = undefined;
    // The failure that led here is the one to tell of.
    await source?.return?.().catch(() => {});
  }

  async #connect(): Promise<AsyncIterator<Uint8Array>> {
    const offset = this.#position;
    let answer: Answer;
    try {
      answer = await this.#session.send({
        method: "GET",
        to: this.#from,
        what: this.#what,
        access: "pull",
        lane: "download",
        ...(offset === 0 ? {} : { headers: { range: `bytes=${offset}-` } }),
        expect: offset === 0 ? [200] : [200, 206, 416],
        signal: this.#signal,
      });
    } catch (error) {
      const next = this.#isGone(error) ? await this.#nextPlace() : undefined;
      if (next !== undefined) {
        this.#from = next;
        return this.#connect();
      }
      // `send` has made its attempts; another round of them would be too many.
      if (isLadingError(error) && error.retryable) this.#attempt = Number.MAX_SAFE_INTEGER;
      throw error;
    }
    try {
      this.#skip = skipOf(answer, offset, this.#descriptor, this.#session.label);
      this.#source = await answer.stream();
      return this.#source;
    } catch (error) {
      await answer.discard();
      throw error;
    }
  }
}

/** Of one layer, so that nobody has us knock at the doors of a whole network. */
const mostForeignUrls = 8;

function foreignUrls({ mediaType, urls = [] }: Descriptor): URL[] {
  if (!isNonDistributable(mediaType)) return [];
  const usable = urls.filter((url) => /^https?:\/\//i.test(url) && URL.canParse(url));
  return usable.slice(0, mostForeignUrls).map((url) => new URL(url));
}

/** How many bytes of this answer lie before the offset. @throws when it is another part, or of another size */
function skipOf(answer: Answer, offset: number, descriptor: Descriptor, place: string): number {
  if (answer.status === 416) throw new SizeMismatchError(descriptor.size, offset, { place });
  if (answer.status === 200) {
    const length = answer.headers.get("content-length");
    if (length !== undefined && Number(length) > descriptor.size) {
      throw new SizeMismatchError(descriptor.size, Number(length), { place });
    }
    return offset;
  }
  const [, start, total] =
    /^bytes ([0-9]+)-[0-9]+\/([0-9]+|\*)$/.exec(answer.headers.get("content-range") ?? "") ?? [];
  if (Number(start) !== offset) {
    throw new LadingError(
      "ERR_LADING_REGISTRY",
      `the registry answered with another part of blob ${shortDigest(descriptor.digest)} than was asked for`,
      { place },
    );
  }
  if (total !== undefined && total !== "*" && Number(total) !== descriptor.size) {
    throw new SizeMismatchError(descriptor.size, Number(total), { place });
  }
  return 0;
}
