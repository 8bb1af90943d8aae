import { timingSafeEqual } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import { Blowfish } from "./blowfish.ts";

const alphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const form = /^\$2[aby]\$([0-9]{2})\$([./A-Za-z0-9]{22})([./A-Za-z0-9]{31})$/;

/** Highest cost that is checked: each step doubles the work, and 2^15 takes seconds. */
export const maxCost = 15;

/** Whether this is a bcrypt hash as `htpasswd -B` writes it, with a cost that can be checked. */
export function isBcryptHash(hash: string): boolean {
  const cost = Number(form.exec(hash)?.[1] ?? 0);
  return cost >= 4 && cost <= maxCost;
}

/**
 * Checks a password against a bcrypt hash (`$2a$`, `$2b$`, `$2y$`). The work is done in slices of some milliseconds, so that
 * other requests go on meanwhile. A hash of another form is simply not matched.
 */
export async function verifyBcrypt(password: string, hash: string): Promise<boolean> {
  const match = form.exec(hash);
  if (match === null || !isBcryptHash(hash)) return false;
  const [, cost = "", salt = "", expected = ""] = match;
  // bcrypt takes 72 bytes with the closing NUL of C strings among them.
  const key = Buffer.concat([Buffer.from(password), Buffer.alloc(1)]).subarray(0, 72);
  const actual = await bcrypt(key, decode(salt, 16), 2 ** Number(cost));
  return timingSafeEqual(actual.subarray(0, 23), decode(expected, 23));
}

async function bcrypt(key: Uint8Array, salt: Uint8Array, rounds: number): Promise<Buffer> {
  const cipher = new Blowfish();
  cipher.expand(key, salt);
  let since = performance.now();
  for (let i = 0; i < rounds; i++) {
    cipher.expand(key);
    cipher.expand(salt);
    if (performance.now() - since > 5) {
      await turn();
      since = performance.now();
    }
  }
  const text = Buffer.from("OrpheanBeholderScryDoubt");
  const words = Int32Array.from({ length: 6 }, (_, i) => text.readInt32BE(i * 4));
  cipher.encrypt(words, 64);
  const result = Buffer.alloc(24);
  words.forEach((word, i) => void result.writeInt32BE(word, i * 4));
  return result;
}

/** bcrypt's own base64: another alphabet, no padding. */
function decode(text: string, size: number): Buffer {
  const result = Buffer.alloc(size);
  let bits = 0;
  let value = 0;
  let at = 0;
  for (const character of text) {
    value = ((value << 6) | alphabet.indexOf(character)) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      if (at < size) result[at++] = (value >>> bits) & 0xff;
    }
  }
  return result;
}
