import { type ByteStream, skip, streamOf } from "./stream.ts";

export interface OpenFrom {
  /** Bytes from the start; at most the body's size. */
  readonly offset: number;
  readonly signal?: AbortSignal;
}

/** Bytes that can be opened again, at any offset: what makes retry, resume and random access one call. */
export interface Body {
  /** Bytes. */
  readonly size: number;
  open(from: OpenFrom): Promise<ByteStream>;
}

/** A body over bytes in memory. */
export function bodyOf(bytes: Uint8Array): Body {
  return {
    size: bytes.byteLength,
    open: async ({ offset, signal }) => {
      signal?.throwIfAborted();
      return offset < bytes.byteLength ? streamOf(bytes.subarray(offset)) : streamOf();
    },
  };
}

/** A body whose stream can only be made anew from its start; an offset is reached by reading up to it. */
export function bodyFromStart(size: number, open: (signal?: AbortSignal) => Promise<ByteStream>): Body {
  return {
    size,
    open: async ({ offset, signal }) => {
      const stream = await open(signal);
      return offset === 0 ? stream : skip(stream, offset);
    },
  };
}
