// Deflate with the very bytes of Go's compress/flate at its level BestSpeed, in batches. Input goes to `inputAt`, output
// comes to `outputAt`. What surrounds it in a gzip file is the caller's.
import { forgetBits, rewind, written } from "./bits.ts";
import { writeBlock, writeStored } from "./block.ts";
import { forgetMatches } from "./match.ts";
import { blockSize, input, mostBlocks, output, window, windowSize } from "./memory.ts";

export function inputAt(): usize {
  return input;
}

/** Bytes of input that {@link encode} takes. */
export function inputSize(): u32 {
  return mostBlocks * blockSize;
}

export function outputAt(): usize {
  return output;
}

/** Begins a new stream. */
export function start(): void {
  forgetMatches();
  forgetBits();
}

/**
 * Takes `size` bytes of input: all of {@link inputSize}, or fewer and then {@link finish}.
 * @returns bytes of output
 */
export function encode(size: u32): u32 {
  rewind();
  const end = input + size;
  for (let at = input; at < end; at += blockSize) writeBlock(at, min<u32>(blockSize, <u32>(end - at)));
  memory.copy(window, window + size, windowSize);
  return written();
}

/** Ends the stream: an empty stored block after the last bytes. @returns bytes of output, those of `encode` with them */
export function finish(size: u32): u32 {
  encode(size);
  writeStored(input, 0, true);
  return written();
}
