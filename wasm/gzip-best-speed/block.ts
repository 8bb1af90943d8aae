// Writes blocks (RFC 1951, 3.2.4 to 3.2.7).
import { alignToByte, flush, put, putBytes, putCode } from "./bits.ts";
import { makeCodes } from "./codes.ts";
import { findMatches } from "./match.ts";
import {
  countsEnd,
  get,
  header,
  headerCodes,
  headerCounts,
  increment,
  lengthCodes,
  literalCodes,
  literalCounts,
  noMatch,
  offsetCodes,
  offsetCounts,
  runs,
  set,
} from "./memory.ts";

const endOfBlock: u32 = 256;
/** In which order the lengths of the header's own codes stand. */
const headerOrder: usize = memory.data<u8>([
  16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
]);

/**
 * Writes a block that is not the last. Up to 16 bytes are stored, less than 128 are not searched for matches, and where
 * matches take away less than a sixteenth they are not used.
 */
export function writeBlock(start: usize, size: u32): void {
  if (size <= 16) {
    writeStored(start, size, false);
    return;
  }
  if (size < 128 || findMatches(start, size) > size - (size >> 4)) {
    set(runs, 0, size);
    set(runs, 1, noMatch);
  }
  memory.fill(literalCounts, 0, countsEnd - literalCounts);
  countSymbols(start);
  writeCoded(start, size);
}

export function writeStored(start: usize, size: u32, last: bool): void {
  put(last ? 1 : 0, 3);
  alignToByte();
  put(size | ((size ^ 0xffff) << 16), 32);
  flush();
  putBytes(start, size);
}

function countSymbols(start: usize): void {
  let at = start;
  for (let run = runs; ; run += 8) {
    for (const end = at + load<u32>(run); at < end; at++) increment(literalCounts, load<u8>(at));
    const match = load<u32>(run, 4);
    if (match === noMatch) break;
    const length = match >> 16;
    increment(literalCounts, lengthSymbol(length));
    increment(offsetCounts, offsetSymbol(match & 0xffff));
    at += length + 3;
  }
  increment(literalCounts, endOfBlock);
}

/** Symbol of a length, less 3. */
function lengthSymbol(length: u32): u32 {
  if (length < 8) return 257 + length;
  if (length === 255) return 285;
  const highest = 31 - clz(length);
  return 253 + 4 * highest + ((length >> (highest - 2)) & 3);
}

/** Symbol of a distance, less 1. */
function offsetSymbol(offset: u32): u32 {
  if (offset < 4) return offset;
  const highest = 31 - clz(offset);
  return 2 * highest + ((offset >> (highest - 1)) & 1);
}

/**
 * Writes the block with codes of its own, or stored where that is hardly larger. The extra bits of lengths and
 * distances are not counted for that.
 */
function writeCoded(start: usize, size: u32): void {
  if (lastUsed(offsetCounts, 30) === 0) increment(offsetCounts, 0);
  const literals = lastUsed(literalCounts, 286);
  const offsets = lastUsed(offsetCounts, 30);
  let bits = makeCodes(literalCounts, 286, 15, literalCodes) + makeCodes(offsetCounts, 30, 15, offsetCodes);
  const headerEnd = makeHeader(literals, offsets);
  bits += makeCodes(headerCounts, 19, 7, headerCodes);
  bits += 2 * get(headerCounts, 16) + 3 * get(headerCounts, 17) + 7 * get(headerCounts, 18);
  let listed: u32 = 19;
  while (listed > 4 && get(headerCounts, load<u8>(headerOrder + listed - 1)) === 0) listed--;
  bits += 17 + 3 * listed;
  if ((size + 5) * 8 < bits + (bits >> 4)) {
    writeStored(start, size, false);
    return;
  }

  put(4 | ((literals - 257) << 3) | ((offsets - 1) << 8) | ((listed - 4) << 13), 17);
  flush();
  for (let i: u32 = 0; i < listed; i++) {
    put(get(headerCodes, load<u8>(headerOrder + i)) >> 24, 3);
    flush();
  }
  for (let at = header; at < headerEnd; at += 2) {
    const symbol = <u32>load<u8>(at);
    putCode(get(headerCodes, symbol));
    put(load<u8>(at, 1), headerExtraBits(symbol));
    flush();
  }
  makeLengthCodes();
  writeRuns(start);
  putCode(get(literalCodes, endOfBlock));
  flush();
}

/** How many of the symbols have to be listed, the last of them being used. */
function lastUsed(counts: usize, size: u32): u32 {
  while (size > 0 && get(counts, size - 1) === 0) size--;
  return size;
}

/** The code lengths of literals and offsets in one row, runs of the same taken together. @returns its end */
function makeHeader(literals: u32, offsets: u32): usize {
  const size = literals + offsets;
  let to = header;
  for (let i: u32 = 0; i < size; ) {
    const length = lengthAt(i, literals);
    let count: u32 = 1;
    while (i + count < size && lengthAt(i + count, literals) === length) count++;
    i += count;
    if (length === 0) {
      for (; count >= 11; count -= min<u32>(count, 138)) to = addToHeader(to, 18, min<u32>(count, 138) - 11);
      if (count >= 3) {
        to = addToHeader(to, 17, count - 3);
        count = 0;
      }
    } else {
      to = addToHeader(to, length, 0);
      for (count--; count >= 3; count -= min<u32>(count, 6)) to = addToHeader(to, 16, min<u32>(count, 6) - 3);
    }
    for (; count > 0; count--) to = addToHeader(to, length, 0);
  }
  return to;
}

function lengthAt(i: u32, literals: u32): u32 {
  return (i < literals ? get(literalCodes, i) : get(offsetCodes, i - literals)) >> 24;
}

function addToHeader(to: usize, symbol: u32, extra: u32): usize {
  store<u8>(to, symbol);
  store<u8>(to, extra, 1);
  increment(headerCounts, symbol);
  return to + 2;
}

function headerExtraBits(symbol: u32): u32 {
  if (symbol < 16) return 0;
  if (symbol === 16) return 2;
  return symbol === 17 ? 3 : 7;
}

/** Codes of lengths have 15 bits and 5 extra ones at most: both fit below the length of both. */
function makeLengthCodes(): void {
  for (let length: u32 = 0; length < 256; length++) {
    const code = get(literalCodes, lengthSymbol(length));
    const codeBits = code >> 24;
    const extraBits: u32 = length < 8 || length === 255 ? 0 : 29 - clz(length);
    const extra = length & ((1 << extraBits) - 1);
    set(lengthCodes, length, (code & 0xff_ffff) | (extra << codeBits) | ((codeBits + extraBits) << 24));
  }
}

function writeRuns(start: usize): void {
  let at = start;
  for (let run = runs; ; run += 8) {
    const end = at + load<u32>(run);
    // Three codes have 45 bits at most, so they need one flush.
    for (; at + 3 <= end; at += 3) {
      putCode(get(literalCodes, load<u8>(at)));
      putCode(get(literalCodes, load<u8>(at, 1)));
      putCode(get(literalCodes, load<u8>(at, 2)));
      flush();
    }
    for (; at < end; at++) putCode(get(literalCodes, load<u8>(at)));
    flush();
    const match = load<u32>(run, 4);
    if (match === noMatch) break;
    const length = match >> 16;
    const offset = match & 0xffff;
    putCode(get(lengthCodes, length));
    putCode(get(offsetCodes, offsetSymbol(offset)));
    if (offset >= 4) {
      const extraBits = 30 - clz(offset);
      put(offset & ((1 << extraBits) - 1), extraBits);
    }
    flush();
    at += length + 3;
  }
}
