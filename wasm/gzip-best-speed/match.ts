// Finds what a block repeats. Every choice here decides on the bytes that come out.
import { blockSize, noMatch, runs, table, tableEntries, windowSize } from "./memory.ts";

/** Positions are moved down when they pass this, long before they would overflow. */
const mostPosition: u32 = 1 << 24;

/** Position of the next block's first byte, in the same count as those in the table. Nothing is near 0. */
let position: u32 = blockSize;

export function forgetMatches(): void {
  memory.fill(table, 0, (<usize>tableEntries) << 3);
  position = blockSize;
}

/**
 * Writes the block into `runs`. Looks at every byte at first, and at fewer the longer it finds nothing.
 * @returns the number of literals and matches
 */
export function findMatches(start: usize, size: u32): u32 {
  if (position > mostPosition) lowerPositions();
  const end = start + size;
  const limit = end - 15;
  const toPosition = position - <u32>start;
  position += size;
  let run = runs;
  let tokens = size;
  let literals = start;
  let at = start;
  let value = load<u32>(at);
  while (at < limit) {
    let skip: u32 = 32;
    let next = at;
    let distance: u32 = 0;
    while (distance === 0) {
      at = next;
      next += skip >> 5;
      skip += skip >> 5;
      if (next > limit) break;
      distance = exchange(value, <u32>at + toPosition);
      if (distance === 0) value = load<u32>(next);
    }
    if (distance === 0) break;
    for (;;) {
      const to = matchEnd(at, distance, min(at + 258, end));
      const length = <u32>(to - at);
      store<u32>(run, <u32>(at - literals));
      store<u32>(run, ((length - 3) << 16) | (distance - 1), 4);
      run += 8;
      tokens -= length - 1;
      at = to;
      literals = to;
      if (at >= limit) break;
      // Three overlapping words at once: before, at and after this place.
      const around = load<u64>(at - 1);
      exchange(<u32>around, <u32>at - 1 + toPosition);
      distance = exchange(<u32>(around >> 8), <u32>at + toPosition);
      if (distance === 0) {
        value = <u32>(around >> 16);
        at++;
        break;
      }
    }
  }
  store<u32>(run, <u32>(end - literals));
  store<u32>(run, noMatch, 4);
  return tokens;
}

/** Puts four bytes with their position into the table. @returns how far back the table has the same, 0 if nowhere */
function exchange(value: u32, here: u32): u32 {
  const slot = table + ((<usize>((value * 0x1e35_a7bd) >> 18)) << 3);
  const before = load<u64>(slot);
  store<u64>(slot, ((<u64>here) << 32) | <u64>value);
  const distance = here - <u32>(before >> 32);
  return <u32>before === value && distance <= windowSize ? distance : 0;
}

/** The end of a match of which the first four bytes are known to be the same, `most` at the latest. */
function matchEnd(start: usize, distance: u32, most: usize): usize {
  let at = start + 4;
  while (at + 8 <= most) {
    const difference = load<u64>(at) ^ load<u64>(at - distance);
    if (difference !== 0) return at + <usize>(ctz(difference) >> 3);
    at += 8;
  }
  while (at < most && load<u8>(at) === load<u8>(at - distance)) at++;
  return at;
}

/** Keeps the distances of everything that can still be reached; the rest goes where nothing reaches it. */
function lowerPositions(): void {
  const by = position - 2 * blockSize;
  for (let i: u32 = 0; i < tableEntries; i++) {
    const at = table + ((<usize>i) << 3) + 4;
    const found = load<u32>(at);
    store<u32>(at, found > by ? found - by : 0);
  }
  position -= by;
}
