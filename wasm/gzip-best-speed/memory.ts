// Where everything lies in the module's memory: fixed places, no allocation. Each has the room up to the next.

/** Bytes of input in each block but the last (a stored block cannot hold more, RFC 1951, 3.2.4). */
export const blockSize: u32 = 65_535;
/** How far back a match may start. */
export const windowSize: u32 = 32_768;
/** Blocks that one call takes. */
export const mostBlocks: u32 = 8;

/** For each hash of four bytes where they were last: the bytes in the lower half, the position in the upper. */
export const table: usize = 0x1_0000;
export const tableEntries: u32 = 1 << 14;

/** What the block becomes: pairs of a number of literals and the match after them. A match has four bytes or more. */
export const runs: usize = 0x3_0000;
/** Instead of the last match. */
export const noMatch: u32 = 0xffff_ffff;

/** How often each symbol comes, and its code: the lower 24 bits as they are written, its length above them. */
export const literalCounts: usize = 0x5_8000;
export const offsetCounts: usize = literalCounts + 4 * 286;
export const headerCounts: usize = offsetCounts + 4 * 30;
export const countsEnd: usize = headerCounts + 4 * 19;
export const literalCodes: usize = 0x5_9000;
export const offsetCodes: usize = literalCodes + 4 * 286;
export const headerCodes: usize = offsetCodes + 4 * 30;
/** For each length of a match, less 3: its code and extra bits in one. */
export const lengthCodes: usize = 0x5_a000;
/** The code lengths as they are written: pairs of bytes, a symbol and its extra bits. */
export const header: usize = 0x5_b000;

/** For making codes: symbols with their counts, the rarest first. */
export const sorted: usize = 0x5_c000;
/** Weights of two levels of package-merge. */
export const weights: usize = 0x5_d000;
export const otherWeights: usize = 0x5_e000;
/** How many symbols have codes longer than so many bits. */
export const longer: usize = 0x5_f000;
/** The next code of each length. */
export const nextCodes: usize = 0x5_f800;
/** For each level of package-merge, whether its items are symbols or packages: a byte each. */
export const leaves: usize = 0x6_0000;
export const leavesPerLevel: usize = 1024;

/** The last bytes of the input before, and the input. */
export const window: usize = 0x8_0000;
export const input: usize = window + windowSize;

/**
 * A block's codes have at most 16/17 of the bits of its bytes, or it would be stored; a match at most 18 extra bits. So
 * a block comes to less than 99,000 bytes.
 */
export const output: usize = 0x11_0000;

/** An element of an array of u32. */
export function get(array: usize, index: u32): u32 {
  return load<u32>(array + ((<usize>index) << 2));
}

export function set(array: usize, index: u32, value: u32): void {
  store<u32>(array + ((<usize>index) << 2), value);
}

export function increment(array: usize, index: u32): void {
  set(array, index, get(array, index) + 1);
}
