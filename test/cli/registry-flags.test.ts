import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import type { RegistryFlags } from "../../src/cli/client-options.ts";
import type { Context } from "../../src/cli/command.ts";
import { Places } from "../../src/cli/places.ts";
import { parseLine } from "../../src/cli/program.ts";
import { schemeOf } from "../../src/stores/registry/http/tls.ts";
import { startOrigin } from "../support/hostile-origin.ts";
import { startRegistry } from "../support/registry.ts";
import { tempDir } from "../support/tmp.ts";
import { imgpkg, lading } from "./support/program.ts";

/** The places of a call with these flags and variables. */
async function places(
  t: TestContext,
  flags: readonly string[],
  variables: Record<string, string> = {},
): Promise<Places> {
  const home = await tempDir(t);
  const found = parseLine(["tag", "list", "-i", "x", ...flags], "lading", () => 100);
  assert.equal(found.kind, "run");
  const context: Context = {
    environment: { variables, cwd: home, home, tempDir: home },
    signal: new AbortController().signal,
    on: () => {},
    concurrency: undefined,
    stdin: (async function* () {})(),
    write: async () => {},
    stdoutIsTerminal: false,
    say: () => {},
  };
  return new Places((found as { options: unknown }).options as RegistryFlags, context);
}

/** Wants a password from everybody. */
function askWho(request: IncomingMessage, response: ServerResponse): void {
  if (request.headers.authorization === undefined) {
    response.writeHead(401, { "www-authenticate": 'Basic realm="r"' }).end();
  } else response.writeHead(404).end();
}

/** What a registry of the call, and one that only a lock names, are shown. */
async function shownTo(
  t: TestContext,
  flags: readonly string[],
  variables: (host: { named: string; other: string }) => Record<string, string> = () => ({}),
): Promise<{ named: readonly string[]; other: readonly string[] }> {
  const [named, other] = [await startOrigin(t, askWho), await startOrigin(t, askWho)];
  await using all = await places(t, flags, variables({ named: named.host, other: other.host }));
  const mine = await all.source(`${named.host}/app:v1`);
  await assert.rejects(mine.source.resolve("v1"));
  const theirs = await all.repositories().open({ registry: other.host, repository: "app" });
  await assert.rejects(theirs.resolve("v1"));
  const shown = (requests: readonly IncomingMessage[]) =>
    requests.flatMap(({ headers: { authorization } }) => {
      const [scheme, text = ""] = authorization?.split(" ") ?? [];
      if (scheme === undefined) return [];
      return [scheme === "Basic" ? Buffer.from(text, "base64").toString() : `bearer ${text}`];
    });
  return { named: shown(named.requests), other: shown(other.requests) };
}

test("credentials of flags and plain variables are for the registries that the call names", async (t) => {
  const flags = ["--registry-username", "jane", "--registry-password", "pw"];
  assert.deepEqual(await shownTo(t, flags), { named: ["jane:pw"], other: [] });
  const plain = () => ({ IMGPKG_USERNAME: "joe", IMGPKG_PASSWORD: "pw2" });
  assert.deepEqual(await shownTo(t, [], plain), { named: ["joe:pw2"], other: [] });
  assert.deepEqual(await shownTo(t, ["--registry-token", "t0ken"]), { named: ["bearer t0ken"], other: [] });
  // Field by field, the flag first.
  const merged = await shownTo(t, ["--registry-username", "jane"], plain);
  assert.deepEqual(merged.named, ["jane:pw2"]);
});

test("a lock of images, in a bundle or beside it, cannot have the call's password sent to where it leads", async (t) => {
  const registry = await startRegistry(t);
  const thief = await startOrigin(t, askWho);
  const cwd = await tempDir(t);
  await mkdir(join(cwd, "bundle/.imgpkg"), { recursive: true });
  const image = `${thief.host}/app@sha256:${"0".repeat(64)}`;
  const lock = { apiVersion: "imgpkg.carvel.dev/v1alpha1", kind: "ImagesLock", images: [{ image }] };
  await writeFile(join(cwd, "bundle/.imgpkg/images.yml"), JSON.stringify(lock));
  const reference = `${registry.host}/bundle:v1`;
  const pushed = await lading(["push", "-b", reference, "-f", "bundle"], { cwd });
  assert.equal(pushed.code, 0, pushed.stderr);
  const secret = ["--registry-username", "jane", "--registry-password", "s3cret", "--registry-retry-count=1"];
  for (const args of [
    ["copy", "-b", reference, "--to-tar", "a.tar"],
    ["copy", "-b", reference, "--to-repo", `${registry.host}/copied`],
    ["pull", "-b", reference, "-o", "out", "-r"],
    ["describe", "-b", reference],
    ["copy", "--lock", "bundle/.imgpkg/images.yml", "--to-repo", `${registry.host}/listed`],
  ]) {
    const before = thief.requests.length;
    const { code, stderr } = await imgpkg([...args, ...secret], { cwd });
    if (args[0] !== "pull") assert.equal(code, 1, stderr);
    assert.ok(thief.requests.length > before || args[0] === "pull", `${args[0]} asks where the lock leads`);
  }
  assert.deepEqual(
    thief.requests.map(({ headers }) => headers.authorization).filter((header) => header !== undefined),
    [],
  );
});

test("variables for one registry go by its name, before flags, also where only a lock names it", async (t) => {
  const flags = ["--registry-username", "jane", "--registry-password", "pw"];
  const shown = await shownTo(t, flags, ({ named, other }) => ({
    IMGPKG_REGISTRY_HOSTNAME_0: named,
    IMGPKG_REGISTRY_USERNAME_0: "first",
    IMGPKG_REGISTRY_PASSWORD_0: "1",
    LADING_REGISTRY_HOSTNAME_B: other,
    LADING_REGISTRY_USERNAME_B: "second",
    LADING_REGISTRY_PASSWORD_B: "2",
  }));
  assert.deepEqual(shown, { named: ["first:1"], other: ["second:2"] });
});

test("a name without a password, and --registry-anon, send nothing", async (t) => {
  assert.deepEqual(await shownTo(t, ["--registry-username", "jane"]), { named: [], other: [] });
  const dir = await tempDir(t);
  await mkdir(join(dir, "docker"));
  const stored = ({ named, other }: { named: string; other: string }) => {
    const auth = Buffer.from("kept:pw").toString("base64");
    const json = { auths: { [named]: { auth }, [other]: { auth } } };
    return { DOCKER_CONFIG: join(dir, "docker"), json };
  };
  const run = async (flags: string[], variables: Record<string, string> = {}) => {
    const [named, other] = [await startOrigin(t, askWho), await startOrigin(t, askWho)];
    const { json, DOCKER_CONFIG } = stored({ named: named.host, other: other.host });
    await writeFile(join(DOCKER_CONFIG, "config.json"), JSON.stringify(json));
    await using all = await places(t, flags, { DOCKER_CONFIG, ...variables });
    await assert.rejects((await all.source(`${named.host}/app:v1`)).source.resolve("v1"));
    const open = await all.repositories().open({ registry: other.host, repository: "app" });
    await assert.rejects(open.resolve("v1"));
    return [named, other].map(({ requests }) => requests.some(({ headers }) => headers.authorization));
  };
  assert.deepEqual(await run([]), [true, true]);
  assert.deepEqual(await run(["--registry-anon"]), [false, false]);
  assert.deepEqual(await run([], { IMGPKG_ANON: "true" }), [false, false]);
  // Only that word.
  assert.deepEqual(await run([], { IMGPKG_ANON: "1" }), [true, true]);
});

test("keychains come after variables for one registry and before flags, and an unknown one is an error", async () => {
  const args = ["tag", "list", "-i", "127.0.0.1:9/a"];
  for (const name of ["IMGPKG_ACTIVE_KEYCHAINS", "LADING_ACTIVE_KEYCHAINS"]) {
    const { code, stderr } = await imgpkg(args, { env: { [name]: "github, gcp" } });
    assert.equal(code, 1);
    assert.equal(
      stderr,
      "imgpkg: Error: Creating registry keychain:\n" +
        "  Unable to load keychain for gcp, available keychains [aks, ecr, gke, github]\n",
    );
  }
  const own = await lading(args, { env: { IMGPKG_ACTIVE_KEYCHAINS: "gcp" } });
  assert.equal(own.code, 2);
});

test("a keychain is asked where its registry is used, and its token is not told", async () => {
  const env = {
    LADING_ACTIVE_KEYCHAINS: "github",
    GITHUB_TOKEN: "ghs_s3cret",
    // Nothing leaves this machine.
    HTTPS_PROXY: "http://127.0.0.1:1",
  };
  const args = ["tag", "list", "-i", "ghcr.io/team/app", "--debug", "--registry-retry-count=1"];
  for (const run of [imgpkg, lading]) {
    const { code, stderr } = await run(args, { env });
    assert.equal(code, 1);
    assert.match(stderr, /keychain github for ghcr\.io: GITHUB_TOKEN gives a credential/);
    assert.doesNotMatch(stderr, /s3cret/);
  }
});

test("a variable that means nothing is an error", async () => {
  const env = { IMGPKG_REGISTRY_HOST: "x" };
  const { code, stderr } = await imgpkg(["tag", "list", "-i", "127.0.0.1:9/a"], { env });
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^imgpkg: Error: Unable retrieve credentials for registry:\n {2}Unknown env variable 'IMGPKG_REGISTRY_HOST'/,
  );
});

test("a file of authorities that is absent or no PEM is told as imgpkg tells it", async (t) => {
  const cwd = await tempDir(t);
  await writeFile(join(cwd, "ca.pem"), "nothing\n");
  const run = (path: string) =>
    imgpkg(["tag", "list", "-i", "127.0.0.1:9/a", "--registry-ca-cert-path", path], { cwd });
  const creating = "imgpkg: Error: Creating registry HTTP transport:\n";
  assert.match(
    (await run("absent.pem")).stderr,
    new RegExp(
      `^${creating}  Reading CA certificates from 'absent.pem': open absent.pem: no such file or directory`,
    ),
  );
  assert.match(
    (await run("ca.pem")).stderr,
    new RegExp(`^${creating}  Adding CA certificates from 'ca.pem': failed`),
  );
});

test("a registry that takes a request and says nothing is given up in Go's words", async (t) => {
  const { host, requests } = await startOrigin(t, () => {});
  const args = ["tag", "resolve", "-i", `${host}/a:v1`, "--registry-response-header-timeout", "300ms"];
  const { code, stderr } = await imgpkg([...args, "--registry-retry-count", "2"]);
  assert.equal(code, 1);
  assert.match(stderr, /net\/http: timeout awaiting response headers/);
  assert.equal(requests.length, 2);
});

test("a retry count of nothing is one attempt, and more are as many as they say", async (t) => {
  for (const [count, attempts] of [
    ["0", 1],
    ["1", 1],
    ["3", 3],
  ] as const) {
    const { host, requests } = await startOrigin(t, (_request, response) => {
      response.writeHead(503, { "retry-after": "0" }).end();
    });
    const { code } = await imgpkg(["tag", "list", "-i", `${host}/a`, "--registry-retry-count", count]);
    assert.equal(code, 1);
    assert.equal(requests.length, attempts, `--registry-retry-count ${count}`);
  }
});

test("http is spoken unasked with this machine and private networks only, and after https", async (t) => {
  const { host } = await startOrigin(t, (_request, response) => response.end());
  assert.equal(await schemeOf(host, {}), "http");
  assert.equal(await schemeOf(host.replace("127.0.0.1", "localhost"), {}), "http");
  // Nothing is asked of these: they would not answer.
  for (const far of ["registry.example", "192.169.0.1", "172.32.0.1:5000", "100.64.0.1", "local.example"]) {
    assert.equal(await schemeOf(far, {}), "https", far);
  }
  assert.equal(await schemeOf("registry-that-is-not-there.local:5000", {}), "http");
  const own = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .find(
      ({ address, internal }) => !internal && /^(?:10|192\.168|172\.(?:1[6-9]|2\d|3[01]))\./.test(address),
    );
  // Where this machine is in no private network, there is none to try.
  if (own !== undefined) assert.equal(await schemeOf(`${own.address}:9`, {}), "http");
});
