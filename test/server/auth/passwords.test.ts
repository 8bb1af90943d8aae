import assert from "node:assert/strict";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { htpasswd, htpasswdFile, plainPasswords } from "../../../src/server/auth/passwords.ts";
import { tempDir } from "../../support/tmp.ts";

const line = "user:$2y$05$SLBP14y86WDb8H37T.pe0ulvB68hH/be8/ODr.s306zBwTTcVbnwe";

test("htpasswd: users with bcrypt hashes", async () => {
  const passwords = htpasswd(`# who\n\n${line}\r\n`);
  assert.equal(await passwords.verify("user", "pass word"), true);
  assert.equal(await passwords.verify("user", "pass word"), true);
  assert.equal(await passwords.verify("user", "wrong"), false);
  assert.equal(await passwords.verify("nobody", "pass word"), false);
  // Where one ends and the other starts is part of what is remembered.
  assert.equal(await passwords.verify("use", "r:pass word"), false);
});

test("htpasswd: the second check of a password costs nothing", async () => {
  const passwords = htpasswd(`user:$2y$10$${"C".repeat(21)}.${"a".repeat(31)}`);
  const time = async () => {
    const start = performance.now();
    await passwords.verify("user", "x");
    return performance.now() - start;
  };
  const first = await time();
  const second = await time();
  assert.ok(second < first / 5, `${first} ms, then ${second} ms`);
});

test("htpasswd: other hashes and malformed lines are refused with the line's number", () => {
  for (const bad of [
    "user:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
    "user:$apr1$abc$def",
    "user",
    ":$2y$05$x",
    "user:secret",
  ]) {
    assert.throws(() => htpasswd(`${line}\n${bad}\n`), { code: "ERR_LADING_DOCUMENT", message: /line 2/ });
  }
});

test("htpasswdFile: a new file is read, a broken one is not", async (t) => {
  const path = join(await tempDir(t), "users");
  await writeFile(path, `${line}\n`);
  const passwords = await htpasswdFile(path);
  assert.equal(await passwords.verify("user", "pass word"), true);
  await writeFile(`${path}.new`, "broken");
  await rename(`${path}.new`, path);
  await sleep(1100);
  assert.equal(await passwords.verify("user", "pass word"), true);
  await writeFile(`${path}.new`, line.replace("user:", "other:"));
  await rename(`${path}.new`, path);
  await sleep(1100);
  assert.equal(await passwords.verify("user", "pass word"), false);
  assert.equal(await passwords.verify("other", "pass word"), true);
});

test("plainPasswords", async () => {
  const passwords = plainPasswords({ jane: "secret" });
  assert.equal(await passwords.verify("jane", "secret"), true);
  assert.equal(await passwords.verify("jane", "secret2"), false);
  assert.equal(await passwords.verify("joe", "secret"), false);
  assert.equal(await passwords.verify("constructor", ""), false);
});
