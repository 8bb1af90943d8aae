import assert from "node:assert/strict";
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { authFileCredentials } from "../../../src/stores/registry/auth/docker-config.ts";
import { getFromHelper } from "../../../src/stores/registry/auth/helper.ts";
import { eraseLogin, storeLogin } from "../../../src/stores/registry/auth/login.ts";
import { tempDir } from "../../support/tmp.ts";

const auth = (text: string) => ({ auth: Buffer.from(text).toString("base64") });

async function configWith(t: TestContext, json: unknown, name = "config.json"): Promise<string> {
  const path = join(await tempDir(t), name);
  await writeFile(path, typeof json === "string" ? json : JSON.stringify(json));
  return path;
}

/** A helper program that keeps what it is given as a file per server, and logs its calls. */
async function helperPrograms(t: TestContext): Promise<{ env: Record<string, string>; dir: string }> {
  const dir = await tempDir(t);
  await mkdir(join(dir, "bin"));
  const write = async (name: string, script: string): Promise<void> => {
    await writeFile(join(dir, "bin", `docker-credential-${name}`), `#!/bin/sh\n${script}`);
    await chmod(join(dir, "bin", `docker-credential-${name}`), 0o755);
  };
  await write(
    "kept",
    `input=$(cat); echo "$1 $input" >> "${dir}/log"
case "$1" in
get) file="${dir}/$(echo "$input" | tr '/:' '__')"
  if [ -e "$file" ]; then cat "$file"; else echo "credentials not found in native keychain"; exit 1; fi;;
esac
`,
  );
  await write("broken", 'echo "secret-in-output"; echo "secret-in-stderr" >&2; exit 3\n');
  await write("odd", "echo not-json\n");
  await write("deaf", 'echo \'{"Username":"me","Secret":"pw"}\'\n');
  return { env: { PATH: `${join(dir, "bin")}:/usr/bin:/bin` }, dir };
}

test("hosts are found under every way to write them, and only whole", async (t) => {
  const path = await configWith(t, {
    auths: {
      "registry.example": auth("a:1"),
      "https://with-scheme.example": auth("b:2"),
      "https://with-version.example/v1/": auth("c:3"),
      "https://index.docker.io/v1/": auth("hub:pass:with:colons"),
      "UPPER.example:5000": auth("d:4"),
      "plain.example": { username: "e", password: "5" },
      "token.example": { auth: Buffer.from("x:").toString("base64"), identitytoken: "refresh" },
      "bearer.example": { registrytoken: "direct" },
      "empty.example": {},
      "padded.example": { auth: Buffer.from("f:6\0\0").toString("base64") },
      "odd.example": { auth: "%%%" },
      "wrong.example": 7,
    },
  });
  const source = authFileCredentials([path]);
  const find = (host: string) => source.find(host, "a/b");
  assert.deepEqual(await find("registry.example"), { username: "a", password: "1" });
  assert.deepEqual(await find("with-scheme.example"), { username: "b", password: "2" });
  assert.deepEqual(await find("with-version.example"), { username: "c", password: "3" });
  assert.deepEqual(await find("docker.io"), { username: "hub", password: "pass:with:colons" });
  assert.deepEqual(await find("upper.example:5000"), { username: "d", password: "4" });
  assert.deepEqual(await find("plain.example"), { username: "e", password: "5" });
  assert.deepEqual(await find("token.example"), { username: "x", password: "", identityToken: "refresh" });
  assert.deepEqual(await find("bearer.example"), { registryToken: "direct" });
  assert.deepEqual(await find("padded.example"), { username: "f", password: "6" });
  for (const host of [
    "empty.example",
    "odd.example",
    "wrong.example",
    "example",
    "my-registry.example",
    "registry.example:5000",
    "upper.example",
    "__proto__",
  ]) {
    assert.equal(await find(host), undefined, host);
  }
});

test("podman keeps credentials for paths: the longest wins", async (t) => {
  const source = authFileCredentials([
    await configWith(t, {
      auths: {
        "r.example": auth("host:1"),
        "r.example/team": auth("team:1"),
        "r.example/team/app": auth("app:1"),
      },
    }),
  ]);
  const user = async (repository: string) => (await source.find("r.example", repository))?.username;
  assert.equal(await user("team/app"), "app");
  assert.equal(await user("team/app/part"), "app");
  assert.equal(await user("team/apple"), "team");
  assert.equal(await user("teams"), "host");
  assert.equal(await user("other"), "host");
});

test("files are asked in their order, and absent ones are passed over", async (t) => {
  const first = await configWith(t, { auths: { "a.example": auth("first:1") } });
  const second = await configWith(t, {
    auths: { "a.example": auth("second:1"), "b.example": auth("second:2") },
  });
  const source = authFileCredentials(["/does/not/exist", first, second]);
  assert.equal((await source.find("a.example", "x"))?.username, "first");
  assert.equal((await source.find("b.example", "x"))?.username, "second");
  assert.equal(await source.find("c.example", "x"), undefined);
});

test("a broken file is told by its path, without what is in it", async (t) => {
  for (const text of ['{"auths": secret-here', "[]", '"x"']) {
    const path = await configWith(t, text);
    await assert.rejects(
      authFileCredentials([path]).find("a.example", "x"),
      (error: Error & { code: string; place: string }) => {
        assert.equal(error.code, "ERR_LADING_DOCUMENT");
        assert.equal(error.place, path);
        assert.ok(!error.message.includes("secret"));
        return true;
      },
    );
  }
  assert.equal(await authFileCredentials([await configWith(t, "")]).find("a.example", "x"), undefined);
});

test("helpers: for a host before the file, for all hosts after it", async (t) => {
  const { env, dir } = await helperPrograms(t);
  await writeFile(join(dir, "h.example"), '{"ServerURL":"h.example","Username":"helped","Secret":"pw"}');
  await writeFile(join(dir, "t.example"), '{"Username":"<token>","Secret":"refresh"}');
  await writeFile(join(dir, "https___index.docker.io_v1_"), '{"Username":"hub","Secret":"pw"}');
  const path = await configWith(t, {
    credHelpers: { "h.example": "kept" },
    credsStore: "kept",
    auths: { "h.example": auth("file:1"), "f.example": auth("file:2"), "t.example": {} },
  });
  const source = authFileCredentials([path], { env });
  assert.equal((await source.find("h.example", "x"))?.username, "helped");
  assert.equal((await source.find("f.example", "x"))?.username, "file");
  assert.deepEqual(await source.find("t.example", "x"), { identityToken: "refresh" });
  assert.equal((await source.find("docker.io", "x"))?.username, "hub");
  assert.equal(await source.find("unknown.example", "x"), undefined);
  assert.ok((await readFile(join(dir, "log"), "utf8")).includes("get https://index.docker.io/v1/\n"));
});

test("helpers: one that fails is asked five times more, one that knows nothing is not", async (t) => {
  const { env, dir } = await helperPrograms(t);
  const path = join(dir, "bin/docker-credential-flaky");
  const good = '{"Username":"me","Secret":"pw"}';
  const script = `echo try >> "${dir}/tries"; [ $(wc -l < "${dir}/tries") -gt 3 ] && echo '${good}'\n`;
  await writeFile(path, `#!/bin/sh\n${script}`);
  await chmod(path, 0o755);
  const waits: number[] = [];
  const clock = { sleep: async (ms: number) => void waits.push(ms) };
  assert.equal((await getFromHelper("flaky", "h.example", { env, clock }))?.username, "me");
  assert.equal(waits.length, 3);
  await assert.rejects(getFromHelper("broken", "h.example", { env, clock }), /failed to get a credential/);
  assert.equal(waits.length, 8);
  assert.equal(await getFromHelper("kept", "unknown.example", { env, clock }), undefined);
  await assert.rejects(getFromHelper("absent", "h.example", { env, clock }), /is not installed/);
  assert.equal(waits.length, 8);
});

test("helpers: failures are told without their output, and names are checked", async (t) => {
  const { env } = await helperPrograms(t);
  for (const [name, code] of [
    ["broken", "ERR_LADING_UNAUTHORIZED"],
    ["odd", "ERR_LADING_UNAUTHORIZED"],
    ["absent", "ERR_LADING_UNAUTHORIZED"],
    ["../../bin/sh", "ERR_LADING_USAGE"],
    ["a b", "ERR_LADING_USAGE"],
    ["a;reboot", "ERR_LADING_USAGE"],
    ["", "ERR_LADING_USAGE"],
  ] as const) {
    const clock = { sleep: async () => {} };
    await assert.rejects(
      getFromHelper(name, "h.example", { env, clock }),
      (error: Error & { code: string }) => {
        assert.equal(error.code, code, name);
        assert.ok(!/secret-in/.test(JSON.stringify(error) + error.message + String(error.cause)));
        return true;
      },
    );
  }
  assert.equal((await getFromHelper("deaf", "h.example".repeat(20_000), { env }))?.username, "me");
});

test("a login is kept in the file, for its owner only, beside everything else", async (t) => {
  const path = await configWith(t, {
    HttpHeaders: { "X-Mine": "1" },
    auths: {
      "https://r.example/v2/": auth("old:1"),
      "r.example/team": auth("team:1"),
      "other.example": auth("o:1"),
    },
  });
  assert.equal(await storeLogin(path, "r.example", { username: "new", password: "p:w" }), path);
  const json = JSON.parse(await readFile(path, "utf8"));
  assert.deepEqual(json, {
    HttpHeaders: { "X-Mine": "1" },
    auths: { "r.example/team": auth("team:1"), "other.example": auth("o:1"), "r.example": auth("new:p:w") },
  });
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.equal((await readdir(join(path, ".."))).length, 1);
  assert.equal((await authFileCredentials([path]).find("r.example", "x"))?.username, "new");
  assert.equal(await eraseLogin(path, "r.example"), true);
  assert.equal(await eraseLogin(path, "r.example"), false);
  assert.equal(await authFileCredentials([path]).find("r.example", "x"), undefined);
  assert.equal((await authFileCredentials([path]).find("r.example", "team/x"))?.username, "team");
});

test("a login makes the file and its folder, and leaves a link a link", async (t) => {
  const dir = await tempDir(t);
  const fresh = join(dir, "deep", "config.json");
  await storeLogin(fresh, "docker.io", { username: "me", password: "pw" });
  assert.deepEqual(JSON.parse(await readFile(fresh, "utf8")), {
    auths: { "https://index.docker.io/v1/": auth("me:pw") },
  });
  const link = join(dir, "link.json");
  await symlink(fresh, link);
  await storeLogin(link, "r.example", { identityToken: "refresh" });
  assert.equal((await stat(link)).ino, (await stat(fresh)).ino);
  assert.deepEqual(await authFileCredentials([fresh]).find("r.example", "x"), { identityToken: "refresh" });
  assert.equal((await authFileCredentials([fresh]).find("docker.io", "x"))?.username, "me");
});

test("a login goes to the helper where one is set up", async (t) => {
  const { env, dir } = await helperPrograms(t);
  const path = await configWith(t, { credsStore: "kept", auths: { "r.example": auth("old:1") } });
  assert.equal(
    await storeLogin(path, "r.example", { username: "me", password: "pw" }, { env }),
    "docker-credential-kept",
  );
  assert.deepEqual(JSON.parse(await readFile(path, "utf8")).auths, { "r.example": {} });
  assert.equal(await eraseLogin(path, "r.example", { env }), true);
  assert.deepEqual((await readFile(join(dir, "log"), "utf8")).trim().split("\n"), [
    'store {"ServerURL":"r.example","Username":"me","Secret":"pw"}',
    "erase r.example",
  ]);
});
