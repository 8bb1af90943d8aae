import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import test from "node:test";
import { promisify } from "node:util";
import { isBcryptHash, verifyBcrypt } from "../../../src/server/auth/bcrypt.ts";
import { piWords } from "../../../src/server/auth/pi.ts";
import { findProgram } from "../../support/peers.ts";

test("pi's digits are those that Blowfish starts from", () => {
  const words = piWords(18 + 1024);
  // First and last word of the P-array, first of the S-boxes (Schneier, 1993).
  assert.equal((words[0] ?? 0) >>> 0, 0x243f6a88);
  assert.equal((words[17] ?? 0) >>> 0, 0x8979fb1b);
  assert.equal((words[18] ?? 0) >>> 0, 0xd1310ba6);
  assert.equal((words[1041] ?? 0) >>> 0, 0x3ac372e6);
});

// Vectors of crypt_blowfish (Solar Designer, public domain): cost 5, several salts and lengths.
const vectors: readonly (readonly [password: string, hash: string])[] = [
  ["U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"],
  ["U*U*", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"],
  ["U*U*U", "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"],
  ["", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"],
];

for (const [password, hash] of vectors) {
  test(`bcrypt: ${JSON.stringify(password)} and its hash`, async () => {
    assert.equal(await verifyBcrypt(password, hash), true);
    assert.equal(await verifyBcrypt(`${password}x`, hash), false);
    assert.equal(
      await verifyBcrypt(password, `${hash.slice(0, -1)}${hash.endsWith("u") ? "e" : "u"}`),
      false,
    );
  });
}

test("bcrypt: other hashes match nothing", async () => {
  for (const hash of [
    "",
    "secret",
    "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
    "$apr1$x$y",
    `$2y$31$${"a".repeat(53)}`,
    `$2y$03$${"a".repeat(53)}`,
  ]) {
    assert.equal(isBcryptHash(hash), false);
    assert.equal(await verifyBcrypt("secret", hash), false);
  }
});

test("bcrypt: what htpasswd -B writes", {
  skip: findProgram("htpasswd") === undefined ? "needs htpasswd" : false,
}, async () => {
  for (const password of ["secret", "pässwörd ✓", "x".repeat(72), "with:colon"]) {
    const { stdout } = await promisify(execFile)("htpasswd", ["-nbB", "-C", "4", "user", password]);
    const hash = stdout.trim().slice("user:".length);
    assert.equal(await verifyBcrypt(password, hash), true, password);
    assert.equal(await verifyBcrypt(password.slice(1), hash), false, password);
  }
});

test("bcrypt does not hold the event loop", async () => {
  const gaps: number[] = [];
  let last = performance.now();
  const timer = setInterval(() => {
    gaps.push(performance.now() - last);
    last = performance.now();
  }, 1);
  // Cost 11: more than 100 ms of work.
  await verifyBcrypt("secret", `$2y$11$${"C".repeat(21)}.${"a".repeat(31)}`);
  clearInterval(timer);
  assert.ok(gaps.length >= 5, `the loop went round ${gaps.length} times`);
});
