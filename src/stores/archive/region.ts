import type { Digest } from "../../spec/digest.ts";

/**
 * The place of one blob in an archive that is being written. Its size is known from its descriptor, so its place is
 * taken at once, many blobs are written at the same time, and a failed one is written again in the same place.
 */
export interface Region {
  readonly digest: Digest;
  /** Bytes of content. */
  readonly size: number;
  /** Where the tar header begins, in bytes from the start of the archive. */
  readonly headerAt: number;
  readonly dataAt: number;
  /** Whether the bytes are all there and were checked. */
  complete: boolean;
  /** Whether this run wrote it or asked for it; what only an earlier run wanted is left out at the end. */
  wanted: boolean;
  /** The write that goes on. */
  writing: Promise<void> | undefined;
}
