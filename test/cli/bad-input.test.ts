import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { copyFile, mkdir, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import test from "node:test";
import { plainPasswords } from "../../src/server/auth/passwords.ts";
import { startRegistry } from "../support/registry.ts";
import { needsSmallDisk, smallDisk } from "../support/small-disk.ts";
import { tempDir } from "../support/tmp.ts";
import { lading } from "./support/program.ts";

interface Case {
  readonly args: readonly string[];
  readonly code: number;
  readonly error: RegExp;
  readonly hint?: RegExp;
  readonly home?: string;
}

/** Runs the line; it must fail with one error of at most three lines, print no result, and leave the folder as it was. */
async function fails(cwd: string, { args, code, error, hint = /./, home }: Case): Promise<void> {
  const before = await tree(cwd);
  const ended = await lading(args, { cwd, env: { HOME: home ?? "/dev/null/home", TMPDIR: cwd } });
  const line = `lading ${args.join(" ")}`;
  assert.equal(ended.code, code, `${line}\n${ended.stdout}${ended.stderr}`);
  assert.equal(ended.stdout, "", line);
  const lines = ended.stderr
    .trimEnd()
    .split("\n")
    .filter((text) => !text.startsWith("trying again in"));
  assert.ok(lines.length <= 3, `${line}\n${ended.stderr}`);
  assert.match(lines[0] ?? "", /^error ERR_LADING_[A-Z_]+: /, line);
  assert.match(lines[0] ?? "", error, line);
  assert.match(lines.at(-1) ?? "", /^ {2}hint: /, `${line} has a hint\n${ended.stderr}`);
  assert.match(lines.at(-1) ?? "", hint, line);
  assert.doesNotMatch(ended.stderr, /\n {4}at /, "no stack");
  assert.deepEqual(await tree(cwd), before, `${line} leaves nothing behind`);
}

async function tree(dir: string): Promise<string[]> {
  return (await readdir(dir, { recursive: true })).sort();
}

async function folder(t: test.TestContext): Promise<string> {
  const cwd = await tempDir(t);
  await mkdir(join(cwd, "site"));
  await writeFile(join(cwd, "site/index.html"), "<p>hello</p>".repeat(10_000));
  return cwd;
}

test("lines that make no sense end with 2", async (t) => {
  const cwd = await folder(t);
  const image = "127.0.0.1:1/a:v1";
  const cases: [readonly string[], RegExp][] = [
    [["push", "-i", "UPPER/case:v1", "-f", "site"], /could not parse reference: UPPER\/case:v1: /],
    [["push", "-i", "127.0.0.1:1/a:bad tag", "-f", "site"], /is not a tag/],
    [["push", "-i", "https://127.0.0.1:1/a", "-f", "site"], /should not include https:\/\/ protocol prefix/],
    [["push", "-i", `127.0.0.1:1/a@sha256:${"0".repeat(64)}`, "-f", "site"], /a destination has no digest/],
    [["push", "-i", image, "-f", "site", "--tag", "a b"], /not a tag/],
    [
      ["push", "-i", image, "-f", "site", "-l", "novalue"],
      /invalid argument "novalue" for "-l, --labels" flag: novalue must be formatted as key=value/,
    ],
    [["push", "-i", image, "-f", "site", "--platform", "linux"], /not a platform/],
    [["push", "-f", "site"], /Expected either image or bundle/],
    [["push", "-b", image], /This directory is not a bundle/],
    [["tag", "resolve", "-i", "127.0.0.1:1/a@sha256:abc"], /is not a digest/],
    [["copy", "--to-repo", "127.0.0.1:1/a"], /Expected either --lock, --bundle/],
    [["copy", "-i", image], /Expected either --to-tar or --to-repo/],
    [["copy", "-i", image, "--tar", "x", "--to-repo", "127.0.0.1:1/b"], /Expected either --lock, --bundle/],
    [["copy", "--tar", "x", "--to-tar", "y"], /Cannot use tar source \(--tar\) with tar destination/],
    [["image", "copy", "oci:layout"], /a source and a destination are needed/],
    [["image", "inspect", "dir:site"], /are not supported/],
    [["image", "inspect", image, "--raw", "--config"], /cannot be had together/],
    [["pull", "-i", image, "-o", "/"], /Disallowed output directory/],
    [["pull", "-i", image, "-o", "site/.."], /Disallowed output directory/],
    [["registry", "serve", "--dir", "r", "--listen", "5000"], /--listen takes host:port/],
    [["registry", "serve", "--dir", "r", "--tls-cert", "x"], /belong together/],
    [
      ["push", "-i", image, "-f", "site", "--registry-ca-cert-path", "site/index.html"],
      /Creating registry HTTP transport: Adding CA certificates from .site\/index.html.: failed/,
    ],
  ];
  for (const [args, error] of cases) await fails(cwd, { args, code: 2, error });
});

test("what is not there ends with 3", async (t) => {
  const cwd = await folder(t);
  const { host } = await startRegistry(t);
  const cases: [readonly string[], RegExp][] = [
    [["push", "-i", `${host}/a:v1`, "-f", "nowhere"], /nowhere/],
    [["pull", "-i", `${host}/a:v1`, "-o", "out"], /v1/],
    [["copy", "-i", `${host}/a:v1`, "--to-tar", "a.tar"], /v1/],
    [["copy", "--tar", "nowhere.tar", "--to-repo", `${host}/a`], /nowhere\.tar/],
    [["image", "inspect", "oci:nowhere"], /no OCI layout in/],
    [["layout", "verify", "nowhere"], /no OCI layout in/],
    [["tag", "list", "-i", `${host}/a`], /./],
    [["image", "copy", "--from-file", "nowhere", `${host}/a`], /nowhere/],
    [["registry", "serve", "--dir", "r", "--htpasswd", "nowhere"], /nowhere/],
    [["push", "-i", `${host}/a:v1`, "-f", "site", "--registry-ca-cert-path", "nowhere.pem"], /nowhere\.pem/],
  ];
  for (const [args, error] of cases) await fails(cwd, { args, code: 3, error });
});

test("a host that is unknown, closed or no registry ends with 1", async (t) => {
  const cwd = await folder(t);
  const web = createServer((_request, response) => response.writeHead(200).end("<html>hello</html>"));
  await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
  t.after(() => web.close());
  const hosts = ["registry.invalid", "127.0.0.1:1", `127.0.0.1:${(web.address() as AddressInfo).port}`];
  for (const host of hosts) {
    const args = ["pull", "-i", `${host}/a:v1`, "-o", "out", "--registry-retry-count", "1"];
    await fails(cwd, { args, code: 1, error: /ERR_LADING_(NETWORK|REGISTRY|DOCUMENT|UNSUPPORTED)/ });
  }
});

test("refused credentials end with 4, and no secret is printed", async (t) => {
  const cwd = await folder(t);
  const { host } = await startRegistry(t, { passwords: plainPasswords({ jane: "right" }) });
  const secret = "wr0ng-s3cret";
  const args = ["push", "-i", `${host}/a:v1`, "-f", "site", "--registry-username", "jane"];
  await fails(cwd, { args, code: 4, error: /ERR_LADING_UNAUTHORIZED/ });
  const debug = await lading([...args, "--registry-password", secret, "--debug"], { cwd });
  assert.equal(debug.code, 4);
  assert.ok(!debug.stderr.includes(secret));
  assert.ok(!debug.stderr.includes(Buffer.from(`jane:${secret}`).toString("base64")));
});

test("archives that are none, cut short or damaged are refused whole", async (t) => {
  const cwd = await folder(t);
  const { host } = await startRegistry(t);
  assert.equal((await lading(["push", "-i", "oci-archive:good.tar:v1", "-f", "site"], { cwd })).code, 0);
  const { length } = await readFile(join(cwd, "good.tar"));
  await writeFile(join(cwd, "text.tar"), "this is no archive\n".repeat(100));
  await writeFile(join(cwd, "empty.tar"), "");
  await copyFile(join(cwd, "good.tar"), join(cwd, "cut.tar"));
  await truncate(join(cwd, "cut.tar"), Math.floor(length / 2));
  for (const [name, code] of [
    ["text.tar", 1],
    ["empty.tar", 1],
    ["cut.tar", 1],
  ] as const) {
    await fails(cwd, {
      args: ["copy", "--tar", name, "--to-repo", `${host}/${name}`],
      code,
      error: /ERR_LADING_/,
    });
    await fails(cwd, {
      args: ["pull", "-i", `oci-archive:${name}`, "-o", "out"],
      code,
      error: /ERR_LADING_/,
    });
  }
  const wrong = await readFile(join(cwd, "good.tar"));
  const gzip = wrong.indexOf(Buffer.from([0x1f, 0x8b, 8]));
  wrong[gzip + 30] = (wrong[gzip + 30] ?? 0) ^ 0xff;
  await writeFile(join(cwd, "wrong.tar"), wrong);
  const error = /ERR_LADING_DIGEST_MISMATCH/;
  await fails(cwd, { args: ["copy", "--tar", "wrong.tar", "--to-repo", `${host}/wrong`], code: 5, error });
  await fails(cwd, { args: ["pull", "-i", "oci-archive:wrong.tar", "-o", "out"], code: 5, error });
  await fails(cwd, { args: ["copy", "-i", "oci-archive:wrong.tar", "--to-tar", "copy.tar"], code: 5, error });
  assert.equal((await lading(["tag", "resolve", "-i", `${host}/wrong:v1`])).code, 3);
});

test("a blob with wrong bytes in a layout never gets out of it", async (t) => {
  const cwd = await folder(t);
  assert.equal((await lading(["push", "-i", "oci:layout:v1", "-f", "site"], { cwd })).code, 0);
  const inspected = await lading(["image", "inspect", "oci:layout:v1", "--json"], { cwd });
  const [layer] = (JSON.parse(inspected.stdout) as { layers: { digest: string }[] }).layers;
  const blob = join(cwd, "layout/blobs", String(layer?.digest).replace(":", "/"));
  const bytes = await readFile(blob);
  bytes[30] = (bytes[30] ?? 0) ^ 0xff;
  await writeFile(blob, bytes);
  const error = /ERR_LADING_DIGEST_MISMATCH/;
  await fails(cwd, { args: ["copy", "-i", "oci:layout:v1", "--to-tar", "a.tar"], code: 5, error });
  await fails(cwd, { args: ["pull", "-i", "oci:layout:v1", "-o", "out"], code: 5, error });
});

test("a blob of the wrong size in a layout is damage, not absence", async (t) => {
  const cwd = await folder(t);
  const { host } = await startRegistry(t);
  assert.equal((await lading(["push", "-i", "oci:layout:v1", "-f", "site"], { cwd })).code, 0);
  const inspected = await lading(["image", "inspect", "oci:layout:v1", "--json"], { cwd });
  const [layer] = (JSON.parse(inspected.stdout) as { layers: { digest: string; size: number }[] }).layers;
  const blob = join(cwd, "layout/blobs", String(layer?.digest).replace(":", "/"));
  const right = await readFile(blob);
  const error = new RegExp(
    `ERR_LADING_SIZE_MISMATCH: the layer ${layer?.digest} has not the ${layer?.size} bytes`,
  );
  const hint = /lading layout verify/;
  for (const wrong of [right.subarray(0, 10), Buffer.concat([right, right]), Buffer.alloc(0)]) {
    await writeFile(blob, wrong);
    await fails(cwd, {
      args: ["image", "copy", "oci:layout:v1", "oci-archive:a.tar"],
      code: 5,
      error,
      hint,
    });
    await fails(cwd, {
      args: ["copy", "-i", "oci:layout:v1", "--to-tar", "a.tar"],
      code: 5,
      error: /ERR_LADING_SIZE_MISMATCH/,
    });
    await fails(cwd, {
      args: ["copy", "-i", "oci:layout:v1", "--to-repo", `${host}/a`],
      code: 5,
      error,
      hint,
    });
    await fails(cwd, {
      args: ["pull", "-i", "oci:layout:v1", "-o", "out"],
      code: 5,
      error: /ERR_LADING_(SIZE|DIGEST)_MISMATCH/,
    });
  }
  await rm(blob);
  const missing = /ERR_LADING_MISSING_CONTENT/;
  await fails(cwd, { args: ["copy", "-i", "oci:layout:v1", "--to-tar", "a.tar"], code: 3, error: missing });
});

test("folders that can never be made are an error at once", {
  skip: !existsSync("/proc/self") && "needs /proc",
}, async (t) => {
  const cwd = await folder(t);
  const error = /ERR_LADING_STORE: no folder can be made at \/proc\/no-such/;
  const { host } = await startRegistry(t);
  const push = ["push", "-f", "site", "-i"];
  await fails(cwd, { args: [...push, "oci:/proc/no-such/x:v1"], code: 1, error });
  await fails(cwd, { args: ["login", host, "-u", "jane", "-p", "x"], code: 1, error, home: "/proc/no-such" });
  await fails(cwd, { args: ["registry", "serve", "--dir", "/proc/no-such/r"], code: 1, error });
  assert.equal((await lading([...push, `${host}/a:v1`], { cwd, env: { HOME: "/proc/no-such" } })).code, 0);
});

test("a full disk ends with 1 and a hint, and nothing is left on it", needsSmallDisk, async (t) => {
  const { host } = await startRegistry(t);
  const full = await smallDisk(t, 1);
  const cwd = dirname(full);
  await mkdir(join(cwd, "big"));
  const noise = Buffer.alloc(3_000_000);
  for (let i = 0; i < noise.length; i += 4) noise.writeUInt32LE((i * 2_654_435_761) >>> 0, i);
  await writeFile(join(cwd, "big/noise"), noise);
  assert.equal(
    (await lading(["push", "-i", `${host}/big:v1`, "-f", "big", "--compression", "none"], { cwd })).code,
    0,
  );
  const image = `${host}/big:v1`;
  const cases: Case[] = [
    {
      args: ["copy", "-i", image, "--to-tar", "full/big.tar"],
      code: 1,
      error: /ERR_LADING_STORE/,
      hint: /disk is full/,
    },
    { args: ["pull", "-i", image, "-o", "full/out"], code: 1, error: /ERR_LADING_STORE/, hint: /full|space/ },
    {
      args: ["image", "export", image, "-o", "full/out.tar"],
      code: 1,
      error: /ERR_LADING_STORE/,
      hint: /disk is full/,
    },
  ];
  for (const each of cases) await fails(cwd, each);
  assert.deepEqual(await readdir(full), []);
});
