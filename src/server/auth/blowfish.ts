import { piWords } from "./pi.ts";

const subkeys = 18;
const boxes = 4 * 256;

let initial: Int32Array | undefined;

/** The state of Blowfish with the slow key schedule of bcrypt (Provos and Mazières, "A Future-Adaptable Password Scheme", 1999). */
export class Blowfish {
  readonly #p: Int32Array;
  readonly #s: Int32Array;
  #left = 0;
  #right = 0;

  constructor() {
    initial ??= piWords(subkeys + boxes);
    this.#p = initial.slice(0, subkeys);
    this.#s = initial.slice(subkeys);
  }

  /** Mixes key and, when there is one, salt into the state. Both are used in a circle. */
  expand(key: Uint8Array, salt?: Uint8Array): void {
    const p = this.#p;
    const s = this.#s;
    for (let i = 0, at = 0; i < subkeys; i++, at = (at + 4) % key.length) {
      p[i] = (p[i] ?? 0) ^ wordAt(key, at);
    }
    this.#left = 0;
    this.#right = 0;
    let at = 0;
    const next = (into: Int32Array, i: number) => {
      if (salt !== undefined) {
        this.#left ^= wordAt(salt, at);
        this.#right ^= wordAt(salt, (at + 4) % salt.length);
        at = (at + 8) % salt.length;
      }
      this.#encrypt();
      into[i] = this.#left;
      into[i + 1] = this.#right;
    };
    for (let i = 0; i < subkeys; i += 2) next(p, i);
    for (let i = 0; i < boxes; i += 2) next(s, i);
  }

  /** Encrypts pairs of words in place, `times` times each. */
  encrypt(words: Int32Array, times: number): void {
    for (let i = 0; i < words.length; i += 2) {
      this.#left = words[i] ?? 0;
      this.#right = words[i + 1] ?? 0;
      for (let n = 0; n < times; n++) this.#encrypt();
      words[i] = this.#left;
      words[i + 1] = this.#right;
    }
  }

  #encrypt(): void {
    const p = this.#p;
    const s = this.#s;
    let left = this.#left;
    let right = this.#right;
    for (let i = 0; i < 16; i += 2) {
      left ^= p[i] as number;
      right ^= mix(s, left);
      right ^= p[i + 1] as number;
      left ^= mix(s, right);
    }
    this.#left = right ^ (p[17] as number);
    this.#right = left ^ (p[16] as number);
  }
}

function mix(s: Int32Array, x: number): number {
  const a = s[x >>> 24] as number;
  const b = s[256 + ((x >>> 16) & 0xff)] as number;
  const c = s[512 + ((x >>> 8) & 0xff)] as number;
  const d = s[768 + (x & 0xff)] as number;
  return (((a + b) ^ c) + d) | 0;
}

function wordAt(bytes: Uint8Array, at: number): number {
  const { length } = bytes;
  const byte = (i: number) => bytes[(at + i) % length] as number;
  return (byte(0) << 24) | (byte(1) << 16) | (byte(2) << 8) | byte(3);
}
