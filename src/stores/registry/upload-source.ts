import type { Body } from "../../bytes/body.ts";
import { createHasher, type Hasher } from "../../bytes/hash.ts";
import { DigestMismatchError, SizeMismatchError } from "../../errors.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import { algorithmOf } from "../../spec/digest.ts";

/**
 * Reads the body of an upload piece by piece, hashes it once on the way, and holds the last bytes back until the whole
 * is known to be right: wrong content never arrives complete.
 */
export interface UploadSource {
  /**
   * The bytes from `from` on, `length` of them. Goes on with the open stream when it stands there, else opens anew.
   * @throws SizeMismatchError, DigestMismatchError before the last bytes
   */
  read(from: number, length: number, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array>;
  close(): Promise<void>;
  /** Whether this very error came from the body, not from the registry that it was sent to. */
  threw(error: unknown): boolean;
}

export function createUploadSource(body: Body, descriptor: Descriptor, label: string): UploadSource {
  const { size, digest } = descriptor;
  const hasher: Hasher = createHasher(algorithmOf(digest));
  let hashed = 0;
  let judged = false;
  let iterator: AsyncIterator<Uint8Array> | undefined;
  let position = 0;
  /** Of the last chunk, what the reader before did not want. */
  let rest: Uint8Array | undefined;

  const close = async (): Promise<void> => {
    const open = iterator;
    iterator = undefined;
    rest = undefined;
    await open?.return?.();
  };

  const pull = async (): Promise<Uint8Array | undefined> => {
    if (rest !== undefined) {
      const chunk = rest;
      rest = undefined;
      return chunk;
    }
    const result = await iterator?.next();
    return result === undefined || result.done === true ? undefined : result.value;
  };

  /** Counts bytes that were not counted before; what a retry reads again is passed over. */
  const hash = (chunk: Uint8Array, at: number): void => {
    const end = at + chunk.byteLength;
    // After a resume the registry holds a part that was never read here: only it can check the whole then.
    if (at > hashed || end <= hashed) return;
    hasher.update(chunk.subarray(hashed - at));
    hashed = end;
  };

  const judge = (): void => {
    if (hashed !== size || judged) return;
    judged = true;
    const actual = hasher.digest();
    if (actual !== digest) throw new DigestMismatchError(digest, actual, { place: label });
  };

  const failures = new WeakSet<object>();

  return {
    close,
    threw: (error) => typeof error === "object" && error !== null && failures.has(error),
    read: async function* (from, length, signal) {
      try {
        yield* piece(from, length, signal);
      } catch (error) {
        if (typeof error === "object" && error !== null) failures.add(error);
        throw error;
      }
    },
  };

  async function* piece(
    from: number,
    length: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array> {
    if (iterator === undefined || position !== from) {
      await close();
      const stream = await body.open({ offset: from, ...(signal === undefined ? {} : { signal }) });
      iterator = stream[Symbol.asyncIterator]();
      position = from;
    }
    const end = from + length;
    while (position < end) {
      const chunk = await pull();
      if (chunk === undefined) throw new SizeMismatchError(size, position, { place: label, retryable: true });
      const wanted = chunk.subarray(0, end - position);
      if (wanted.byteLength < chunk.byteLength) rest = chunk.subarray(wanted.byteLength);
      hash(wanted, position);
      if (position + wanted.byteLength === size) await expectEnd();
      position += wanted.byteLength;
      if (wanted.byteLength > 0) yield wanted;
    }
    if (size === 0) await expectEnd();
  }

  async function expectEnd(): Promise<void> {
    const last = rest;
    const more = await pullNonEmpty();
    rest = last;
    if (more) throw new SizeMismatchError(size, size + 1, { place: label });
    judge();
  }

  async function pullNonEmpty(): Promise<boolean> {
    for (;;) {
      const chunk = await pull();
      if (chunk === undefined) return false;
      if (chunk.byteLength > 0) return true;
    }
  }
}
