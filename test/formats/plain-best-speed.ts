import { crc32 } from "node:zlib";

/** Bytes of input per deflate block. */
const blockSize = 65_535;
/** How far back a match may lie. */
const windowSize = 32_768;
const tableSize = 1 << 14;
const endOfBlock = 256;

/**
 * What `gzipBestSpeed` has to make, said as plainly as possible and at a tenth of its speed. It shares no code with it,
 * and is held by the vectors as well.
 */
export function plainBestSpeed(input: Buffer): Buffer {
  const encoder = new Encoder();
  for (let at = 0; at < input.byteLength; at += blockSize) encoder.block(input.subarray(at, at + blockSize));
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(input), 0);
  trailer.writeUInt32LE(input.byteLength, 4);
  return Buffer.concat([
    Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255]),
    Buffer.from(encoder.finish()),
    trailer,
  ]);
}

class Encoder {
  /** The tail of the block before, and the block. */
  readonly #window = Buffer.alloc(windowSize + blockSize);
  readonly #values = new Uint32Array(tableSize);
  readonly #positions = new Float64Array(tableSize);
  #position = blockSize;
  /** Literals as they are, matches as 256 + (length - 3) * 32768 + distance - 1. */
  readonly #tokens = new Uint32Array(blockSize);
  #tokenCount = 0;
  readonly #out: number[] = [];
  #bits = 0;
  #bitCount = 0;

  block(block: Buffer): void {
    const count = block.byteLength;
    if (count <= 16) {
      this.#stored(block);
      return;
    }
    if (count >= 128) {
      block.copy(this.#window, windowSize);
      this.#match(count);
      this.#window.copyWithin(0, count, count + windowSize);
      if (this.#tokenCount <= count - (count >>> 4)) {
        this.#write(block);
        return;
      }
    }
    this.#tokens.set(block);
    this.#tokenCount = count;
    this.#write(block);
  }

  finish(): readonly number[] {
    this.#stored(Buffer.alloc(0), 1);
    return this.#out;
  }

  #match(count: number): void {
    const bytes = this.#window;
    const word = (at: number) => bytes.readUInt32LE(windowSize + at);
    const hash = (value: number) => Math.imul(value, 0x1e35a7bd) >>> 18;
    const limit = count - 15;
    this.#tokenCount = 0;
    let literalsFrom = 0;
    const literals = (to: number) => {
      for (; literalsFrom < to; literalsFrom++) {
        this.#tokens[this.#tokenCount++] = bytes[windowSize + literalsFrom] as number;
      }
    };
    const swap = (value: number, at: number): number => {
      const slot = hash(value);
      const distance = at + this.#position - (this.#positions[slot] as number);
      const found = this.#values[slot] === value && distance <= windowSize ? distance : 0;
      this.#values[slot] = value;
      this.#positions[slot] = at + this.#position;
      return found;
    };
    let at = 0;
    let value = word(0);
    scan: for (;;) {
      let skip = 32;
      let next = at;
      let distance = 0;
      do {
        at = next;
        const step = skip >>> 5;
        next = at + step;
        skip += step;
        if (next > limit) break scan;
        distance = swap(value, at);
        if (distance === 0) value = word(next);
      } while (distance === 0);
      do {
        literals(at);
        let length = 4;
        while (
          length < 258 &&
          at + length < count &&
          bytes[windowSize + at + length] === bytes[windowSize + at + length - distance]
        ) {
          length++;
        }
        this.#tokens[this.#tokenCount++] = 256 + (length - 3) * 32_768 + distance - 1;
        at += length;
        literalsFrom = at;
        if (at >= limit) break scan;
        swap(word(at - 1), at - 1);
        distance = swap(word(at), at);
      } while (distance > 0);
      value = word(at + 1);
      at++;
    }
    literals(count);
    this.#position += count;
  }

  #write(block: Buffer): void {
    const tokens = this.#tokens.subarray(0, this.#tokenCount);
    const literalCounts = new Array<number>(286).fill(0);
    const offsetCounts = new Array<number>(30).fill(0);
    for (const token of tokens) {
      if (token < 256) literalCounts[token] = (literalCounts[token] as number) + 1;
      else {
        const { lengthCode, offsetCode } = matchOf(token);
        literalCounts[lengthCode] = (literalCounts[lengthCode] as number) + 1;
        offsetCounts[offsetCode] = (offsetCounts[offsetCode] as number) + 1;
      }
    }
    literalCounts[endOfBlock] = 1;
    if (offsetCounts.every((count) => count < 1)) offsetCounts[0] = 1;
    const literalCodes = codesOf(literalCounts, 15);
    const offsetCodes = codesOf(offsetCounts, 15);
    const literalCount = literalCounts.findLastIndex((count) => count > 0) + 1;
    const offsetCount = offsetCounts.findLastIndex((count) => count > 0) + 1;
    const runs = runsOf([
      ...literalCodes.slice(0, literalCount).map(({ length }) => length),
      ...offsetCodes.slice(0, offsetCount).map(({ length }) => length),
    ]);
    const runCounts = new Array<number>(19).fill(0);
    for (const { symbol } of runs) runCounts[symbol] = (runCounts[symbol] as number) + 1;
    const runCodes = codesOf(runCounts, 7);
    let listed = 19;
    while (listed > 4 && runCounts[runOrder[listed - 1] as number] === 0) listed--;

    let size = 3 + 5 + 5 + 4 + 3 * listed;
    for (const { symbol, bits } of runs) size += (runCodes[symbol] as Code).length + bits;
    literalCounts.forEach((count, symbol) => {
      size += count * (literalCodes[symbol] as Code).length;
    });
    offsetCounts.forEach((count, symbol) => {
      size += count * (offsetCodes[symbol] as Code).length;
    });
    if ((block.byteLength + 5) * 8 < size + (size >>> 4)) {
      this.#stored(block);
      return;
    }

    this.#put(4, 3);
    this.#put(literalCount - 257, 5);
    this.#put(offsetCount - 1, 5);
    this.#put(listed - 4, 4);
    for (const symbol of runOrder.slice(0, listed)) this.#put((runCodes[symbol] as Code).length, 3);
    for (const { symbol, extra, bits } of runs) {
      this.#code(runCodes[symbol] as Code);
      this.#put(extra, bits);
    }
    for (const token of tokens) {
      if (token < 256) this.#code(literalCodes[token] as Code);
      else {
        const match = matchOf(token);
        this.#code(literalCodes[match.lengthCode] as Code);
        this.#put(match.lengthExtra, match.lengthBits);
        this.#code(offsetCodes[match.offsetCode] as Code);
        this.#put(match.offsetExtra, match.offsetBits);
      }
    }
    this.#code(literalCodes[endOfBlock] as Code);
  }

  #stored(block: Buffer, last = 0): void {
    this.#put(last, 3);
    if (this.#bitCount > 0) this.#put(0, 8 - this.#bitCount);
    this.#put(block.byteLength, 16);
    this.#put(block.byteLength ^ 0xffff, 16);
    for (const byte of block) this.#out.push(byte);
  }

  #code({ code, length }: Code): void {
    this.#put(code, length);
  }

  #put(value: number, bits: number): void {
    this.#bits |= value << this.#bitCount;
    this.#bitCount += bits;
    while (this.#bitCount >= 8) {
      this.#out.push(this.#bits & 0xff);
      this.#bits >>>= 8;
      this.#bitCount -= 8;
    }
  }
}

interface Code {
  /** Bits in the order in which they are written, the first lowest. */
  readonly code: number;
  /** 0 for a symbol that does not occur. */
  readonly length: number;
}

const runOrder: readonly number[] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** Codes for lengths and offsets as RFC 1951, 3.2.5 has them: how many extra bits each has, the first value of each. */
const lengthBits = Array.from({ length: 29 }, (_, i) => (i < 8 || i === 28 ? 0 : (i >> 2) - 1));
const lengthBase = basesOf(lengthBits.with(28, 0));
lengthBase[28] = 255;
const offsetBits = Array.from({ length: 30 }, (_, i) => (i < 4 ? 0 : (i >> 1) - 1));
const offsetBase = basesOf(offsetBits);

function basesOf(bits: readonly number[]): number[] {
  let base = 0;
  return bits.map((count) => {
    const start = base;
    base += 1 << count;
    return start;
  });
}

function matchOf(token: number) {
  const length = Math.floor((token - 256) / 32_768);
  const offset = (token - 256) % 32_768;
  const lengthIndex = lengthBase.findLastIndex((base) => base <= length);
  const offsetCode = offsetBase.findLastIndex((base) => base <= offset);
  return {
    lengthCode: 257 + lengthIndex,
    lengthExtra: length - (lengthBase[lengthIndex] as number),
    lengthBits: lengthBits[lengthIndex] as number,
    offsetCode,
    offsetExtra: offset - (offsetBase[offsetCode] as number),
    offsetBits: offsetBits[offsetCode] as number,
  };
}

/** The run-length code of code lengths (RFC 1951, 3.2.7), longest runs first. */
function runsOf(lengths: readonly number[]) {
  const runs: { symbol: number; extra: number; bits: number }[] = [];
  for (let at = 0; at < lengths.length; ) {
    const length = lengths[at] as number;
    let count = 1;
    while (lengths[at + count] === length) count++;
    at += count;
    if (length > 0) {
      runs.push({ symbol: length, extra: 0, bits: 0 });
      count--;
      while (count >= 3) {
        const some = Math.min(count, 6);
        runs.push({ symbol: 16, extra: some - 3, bits: 2 });
        count -= some;
      }
    } else {
      while (count >= 11) {
        const some = Math.min(count, 138);
        runs.push({ symbol: 18, extra: some - 11, bits: 7 });
        count -= some;
      }
      if (count >= 3) {
        runs.push({ symbol: 17, extra: count - 3, bits: 3 });
        count = 0;
      }
    }
    for (; count > 0; count--) runs.push({ symbol: length, extra: 0, bits: 0 });
  }
  return runs;
}

/** Huffman codes no longer than `most` bits, by package-merge with ties decided for the package. */
function codesOf(counts: readonly number[], most: number): Code[] {
  const sorted = counts
    .map((count, symbol) => ({ count, symbol }))
    .filter(({ count }) => count > 0)
    .sort((a, b) => a.count - b.count || a.symbol - b.symbol);
  const lengths = new Array<number>(counts.length).fill(0);
  if (sorted.length <= 2) {
    for (const { symbol } of sorted) lengths[symbol] = 1;
  } else {
    const levels: { weight: number; leaf: boolean }[][] = [];
    for (let level = 0; level < Math.min(most, sorted.length - 1); level++) {
      const before = levels.at(-1) ?? [];
      const items: { weight: number; leaf: boolean }[] = [];
      let leaf = 0;
      let pair = 0;
      while (leaf < sorted.length || pair + 1 < before.length) {
        const leafWeight = sorted[leaf]?.count ?? Number.POSITIVE_INFINITY;
        const pairWeight =
          (before[pair]?.weight ?? Number.POSITIVE_INFINITY) +
          (before[pair + 1]?.weight ?? Number.POSITIVE_INFINITY);
        if (leafWeight < pairWeight) {
          items.push({ weight: leafWeight, leaf: true });
          leaf++;
        } else {
          items.push({ weight: pairWeight, leaf: false });
          pair += 2;
        }
      }
      levels.push(items);
    }
    let taken = 2 * sorted.length - 2;
    for (const items of levels.reverse()) {
      const leaves = items.slice(0, taken).filter(({ leaf }) => leaf).length;
      for (const { symbol } of sorted.slice(0, leaves)) lengths[symbol] = (lengths[symbol] as number) + 1;
      taken = 2 * (taken - leaves);
    }
  }
  const codes: Code[] = lengths.map(() => ({ code: 0, length: 0 }));
  let code = 0;
  for (let length = 1; length <= most; length++) {
    code <<= 1;
    lengths.forEach((found, symbol) => {
      if (found !== length) return;
      let reversed = 0;
      for (let bit = 0; bit < length; bit++) reversed |= ((code >> bit) & 1) << (length - 1 - bit);
      codes[symbol] = { code: reversed, length };
      code++;
    });
  }
  return codes;
}
