// Makes Huffman codes out of counts (RFC 1951, 3.2.2). Ties decide on the bytes that come out.
import {
  get,
  leaves,
  leavesPerLevel,
  longer,
  nextCodes,
  otherWeights,
  set,
  sorted,
  weights,
} from "./memory.ts";

/** More than any weight. */
const none: u32 = 0xffff_ffff;

/**
 * Gives each symbol that comes at all a code, none longer than `most` bits, so that all together need as few bits as
 * possible.
 * @returns the bits of all of them together
 */
export function makeCodes(counts: usize, size: u32, most: u32, codes: usize): u32 {
  let used: u32 = 0;
  for (let symbol: u32 = 0; symbol < size; symbol++) {
    set(codes, symbol, 0);
    const count = get(counts, symbol);
    if (count > 0) set(sorted, used++, (count << 9) | symbol);
  }
  if (used <= 2) {
    let bits: u32 = 0;
    for (let i: u32 = 0; i < used; i++) {
      set(codes, symbolAt(i), (1 << 24) | i);
      bits += countAt(i);
    }
    return bits;
  }
  sort(used);
  const levels = min(most, used - 1);
  packageMerge(used, levels);
  return assign(used, levels, size, codes);
}

function symbolAt(i: u32): u32 {
  return get(sorted, i) & 511;
}

function countAt(i: u32): u32 {
  return get(sorted, i) >> 9;
}

/** By count, then by symbol (Shell's sort, with the gaps that Ciura found). */
function sort(size: u32): void {
  for (let gap: u32 = 132; gap > 0; gap = smallerGap(gap)) {
    for (let i = gap; i < size; i++) {
      const key = get(sorted, i);
      let place = i;
      for (; place >= gap; place -= gap) {
        const other = get(sorted, place - gap);
        if (other <= key) break;
        set(sorted, place, other);
      }
      set(sorted, place, key);
    }
  }
}

function smallerGap(gap: u32): u32 {
  if (gap === 132) return 57;
  if (gap === 57) return 23;
  if (gap === 23) return 10;
  if (gap === 10) return 4;
  return gap === 4 ? 1 : 0;
}

/**
 * Fills `longer`. Each level lists the symbols and the packages of two of the level before, the lighter first, the
 * package where both weigh the same. Of the last level the first 2n - 2 items count, of each before it the two of every
 * package that counts; a symbol's code is as long as there are levels where it counts.
 */
function packageMerge(used: u32, levels: u32): void {
  const wanted: u32 = 2 * used - 2;
  let now = weights;
  let before = otherWeights;
  let packages: u32 = 0;
  for (let level: u32 = 0; level < levels; level++) {
    const isLeaf = leaves + <usize>level * leavesPerLevel;
    let leaf: u32 = 0;
    let pair: u32 = 0;
    let leafWeight = countAt(0);
    let pairWeight = packageWeight(before, 0, packages);
    let items: u32 = 0;
    for (; items < wanted && (leaf < used || pair < packages); items++) {
      if (leafWeight < pairWeight) {
        set(now, items, leafWeight);
        store<u8>(isLeaf + items, 1);
        leaf++;
        leafWeight = leaf < used ? countAt(leaf) : none;
      } else {
        set(now, items, pairWeight);
        store<u8>(isLeaf + items, 0);
        pair++;
        pairWeight = packageWeight(before, pair, packages);
      }
    }
    packages = items >> 1;
    const other = before;
    before = now;
    now = other;
  }

  let counting = wanted;
  for (let level = levels; level > 0; level--) {
    const isLeaf = leaves + <usize>(level - 1) * leavesPerLevel;
    let found: u32 = 0;
    for (let i: u32 = 0; i < counting; i++) found += <u32>load<u8>(isLeaf + i);
    set(longer, levels - level, found);
    counting = 2 * (counting - found);
  }
  set(longer, levels, 0);
}

function packageWeight(level: usize, pair: u32, packages: u32): u32 {
  return pair < packages ? get(level, 2 * pair) + get(level, 2 * pair + 1) : none;
}

/** The more frequent symbols get the shorter codes; those of one length are numbered by symbol. */
function assign(used: u32, levels: u32, size: u32, codes: usize): u32 {
  let bits: u32 = 0;
  let code: u32 = 0;
  let end = used;
  for (let length: u32 = 1; length <= levels; length++) {
    code <<= 1;
    set(nextCodes, length, code);
    const start = get(longer, length);
    for (let i = start; i < end; i++) {
      set(codes, symbolAt(i), length << 24);
      bits += length * countAt(i);
    }
    code += end - start;
    end = start;
  }
  for (let symbol: u32 = 0; symbol < size; symbol++) {
    const length = get(codes, symbol) >> 24;
    if (length === 0) continue;
    const next = get(nextCodes, length);
    set(nextCodes, length, next + 1);
    set(codes, symbol, (length << 24) | (reversed(next) >> (32 - length)));
  }
  return bits;
}

/** Codes are written from their highest bit on, everything else from the lowest. */
function reversed(code: u32): u32 {
  code = ((code >> 1) & 0x5555_5555) | ((code & 0x5555_5555) << 1);
  code = ((code >> 2) & 0x3333_3333) | ((code & 0x3333_3333) << 2);
  code = ((code >> 4) & 0x0f0f_0f0f) | ((code & 0x0f0f_0f0f) << 4);
  return bswap<u32>(code);
}
