const runs = 16;
const runLength = 1024;

/**
 * Whether a block looks like what is compressed or encrypted already, from how often each byte value comes in sixteen
 * runs spread over it. deflate needs twice as long for such a block as for text, to find nothing.
 *
 * The sum of the squared counts is 1/256 of the square of their total when all values are as frequent. Measured as a
 * multiple of that: random bytes 1.02, compressed files 1.02 to 1.18, programs and text from 2.1 up. Whole numbers only,
 * so every machine decides alike.
 */
export function looksRandom(block: Uint8Array): boolean {
  const total = runs * runLength;
  if (block.byteLength < total) return false;
  const counts = new Uint16Array(256);
  for (let run = 0; run < runs; run++) {
    const start = Math.floor(((block.byteLength - runLength) * run) / (runs - 1));
    for (let at = start; at < start + runLength; at++) {
      const value = block[at] as number;
      counts[value] = (counts[value] as number) + 1;
    }
  }
  let squares = 0;
  for (const count of counts) squares += count * count;
  return squares * 256 * 8 < 9 * total * total;
}
