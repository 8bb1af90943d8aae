// The output as a stream of bits, the first the lowest of its byte.
import { output } from "./memory.ts";

/** Where the next byte goes. */
let to: usize = output;
/** Less than eight bits that fill no byte yet, and how many. */
let held: u64 = 0;
let heldCount: u64 = 0;

export function forgetBits(): void {
  held = 0;
  heldCount = 0;
}

/** Writes to the start of the output again. */
export function rewind(): void {
  to = output;
}

/** Whole bytes written since {@link rewind}. */
export function written(): u32 {
  return <u32>(to - output);
}

/** Takes bits, 32 at most before the next {@link flush}, with those of other calls 56. */
export function put(value: u32, count: u32): void {
  held |= (<u64>value) << heldCount;
  heldCount += <u64>count;
}

/** A code with its length above it. */
export function putCode(code: u32): void {
  put(code & 0xff_ffff, code >> 24);
}

export function flush(): void {
  store<u64>(to, held);
  to += <usize>(heldCount >> 3);
  held >>= heldCount & 0x38;
  heldCount &= 7;
}

/** Fills the byte that has begun with zeros. */
export function alignToByte(): void {
  flush();
  if (heldCount > 0) put(0, 8 - <u32>heldCount);
  flush();
}

/** At a byte's start. */
export function putBytes(start: usize, size: u32): void {
  memory.copy(to, start, size);
  to += size;
}
