import assert from "node:assert/strict";
import { mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { plainPasswords } from "../../src/server/auth/passwords.ts";
import { startRegistry } from "../support/registry.ts";
import { tempDir } from "../support/tmp.ts";
import { lading } from "./support/program.ts";

async function files(cwd: string): Promise<string> {
  const folder = join(cwd, "site");
  await mkdir(folder);
  return folder;
}

test("login checks, keeps and uses credentials; logout forgets them", async (t) => {
  const cwd = await tempDir(t);
  const { host } = await startRegistry(t, { passwords: plainPasswords({ jane: "s3cret" }) });
  const env = { HOME: cwd };
  const push = ["push", "-i", `${host}/a:v1`, "-f", await files(cwd)];
  const before = await lading(push, { cwd, env });
  assert.equal(before.code, 4);
  assert.match(before.stderr, /error ERR_LADING_UNAUTHORIZED: .*\n {2}at .*\n {2}hint: /);

  const wrong = await lading(["login", host, "-u", "jane", "--password-stdin"], {
    cwd,
    env,
    input: "wr0ng\n",
  });
  assert.equal(wrong.code, 4, wrong.stderr);
  assert.doesNotMatch(wrong.stderr + wrong.stdout, /wr0ng/);
  const right = await lading(["login", host, "-u", "jane", "--password-stdin"], {
    cwd,
    env,
    input: "s3cret\n",
  });
  assert.equal(right.code, 0, right.stderr);
  assert.equal(right.stdout, `Logged in to ${host} as jane; kept in ${cwd}/.docker/config.json\n`);
  const file = join(cwd, ".docker/config.json");
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  const { auths } = JSON.parse(await readFile(file, "utf8")) as { auths: Record<string, { auth: string }> };
  assert.equal(Buffer.from(auths[host]?.auth ?? "", "base64").toString(), "jane:s3cret");

  assert.equal((await lading(push, { cwd, env })).code, 0);
  assert.equal((await lading([...push, "--registry-anon"], { cwd, env })).code, 4);
  const out = await lading(["logout", host], { cwd, env });
  assert.equal(out.stdout, `Logged out of ${host}\n`);
  assert.equal((await lading(push, { cwd, env })).code, 4);
  assert.equal((await lading(["logout", host], { cwd, env })).stdout, `Not logged in to ${host}\n`);
});

test("credentials come from flags, plain variables and those for one registry, in imgpkg's order", async (t) => {
  const cwd = await tempDir(t);
  const { host } = await startRegistry(t, { passwords: plainPasswords({ jane: "s3cret" }) });
  const push = ["push", "-i", `${host}/a:v1`, "-f", await files(cwd)];
  const code = async (env: Record<string, string>, ...flags: string[]) =>
    (await lading([...push, ...flags], { cwd, env: { HOME: cwd, ...env } })).code;
  assert.equal(await code({}, "--registry-username", "jane", "--registry-password=s3cret"), 0);
  assert.equal(await code({ IMGPKG_USERNAME: "jane", IMGPKG_PASSWORD: "s3cret" }), 0);
  assert.equal(await code({ LADING_USERNAME: "jane", LADING_PASSWORD: "s3cret", IMGPKG_USERNAME: "x" }), 0);
  assert.equal(
    await code({ IMGPKG_USERNAME: "jane", IMGPKG_PASSWORD: "s3cret" }, "--registry-password", "no"),
    4,
  );
  const own = {
    IMGPKG_REGISTRY_HOSTNAME: host,
    IMGPKG_REGISTRY_USERNAME: "jane",
    IMGPKG_REGISTRY_PASSWORD: "s3cret",
  };
  assert.equal(await code(own, "--registry-username", "no", "--registry-password", "no"), 0);
  assert.equal(await code({ ...own, IMGPKG_REGISTRY_HOSTNAME: "127.0.0.1:1" }), 4);
});

test("what login cannot use is a usage error", async (t) => {
  const cwd = await tempDir(t);
  for (const args of [
    ["registry.example/path", "-u", "a", "-p", "b"],
    ["nodots", "-u", "a", "-p", "b"],
    ["registry.example", "-u", "a"],
    ["registry.example", "-u", "a", "-p", "b", "--password-stdin"],
  ]) {
    assert.equal((await lading(["login", ...args], { cwd, env: { HOME: cwd } })).code, 2, args.join(" "));
  }
});
