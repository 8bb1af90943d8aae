/**
 * Blowfish starts from the hexadecimal digits of pi after its point. They are computed instead of kept as four kilobytes of
 * constants: about 10 ms, once, and only where passwords are checked.
 * @param words how many words of 32 bits
 */
export function piWords(words: number): Int32Array {
  const guard = 64n;
  const scale = BigInt(words) * 32n + guard;
  // Machin: pi = 16 arctan(1/5) - 4 arctan(1/239)
  const pi = 16n * arctanOfInverse(5n, scale) - 4n * arctanOfInverse(239n, scale);
  const fraction = (pi & ((1n << scale) - 1n)) >> guard;
  const hex = fraction.toString(16).padStart(words * 8, "0");
  return Int32Array.from({ length: words }, (_, i) => Number.parseInt(hex.slice(i * 8, i * 8 + 8), 16) | 0);
}

/** arctan(1/x) as an integer scaled by 2^bits. */
function arctanOfInverse(x: bigint, bits: bigint): bigint {
  const square = x * x;
  let power = (1n << bits) / x;
  let sum = power;
  for (let n = 3n, sign = -1n; power > 0n; n += 2n, sign = -sign) {
    power /= square;
    sum += (sign * power) / n;
  }
  return sum;
}
