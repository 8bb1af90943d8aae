/** The command: what it refuses in imgpkg's order and words, its locks, its reports. */
import assert from "node:assert/strict";
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { lading } from "../../cli/support/program.ts";
import { image, index } from "../../support/content.ts";
import { startFaultProxy } from "../../support/fault-proxy.ts";
import { credentialsOf, startGuardedRegistry } from "../../support/guarded-registry.ts";
import { startRegistry } from "../../support/registry.ts";
import { tempDir } from "../../support/tmp.ts";
import { fails, put, run } from "../acceptance/support.ts";
import { dashed, text, Yard } from "./yard.ts";

interface Report {
  readonly images: readonly Record<string, unknown>[];
  readonly locations: readonly { readonly bundle: string; readonly tag: string; readonly digest: string }[];
  readonly moved: { readonly nodes: number; readonly bytes: number };
}

async function scene(t: TestContext) {
  const { host } = await startRegistry(t);
  const yard = await Yard.open(t);
  const app = await yard.image(`${host}/simple-app`, 1);
  const nested = await yard.bundle(`${host}/nested-bundle`, [app]);
  const outer = await yard.bundle(`${host}/outer-bundle`, [app, nested]);
  return { host, yard, app, nested, outer, shell: { cwd: yard.dir, env: {} } };
}

const neither = "Expected either --lock, --bundle (-b), --image (-i), or --tar as a source";
const source = "-i 127.0.0.1:1/a";
const notARepository =
  "repository can only contain the characters `abcdefghijklmnopqrstuvwxyz0123456789_-./`";

/** Each line breaks the rule of its sentence and, where it can, all that come after it. */
const refusals: readonly (readonly [line: string, sentence: string])[] = [
  ["", neither],
  ["--to-repo 127.0.0.1:1/b", neither],
  [`${source} -b 127.0.0.1:1/c --to-repo 127.0.0.1:1/b`, neither],
  [`${source} --lock l.yml`, neither],
  [`${source}`, "Expected either --to-tar or --to-repo"],
  [`${source} --to-tar t --to-repo 127.0.0.1:1/b:v1`, "Expected either --to-tar or --to-repo"],
  [
    "--tar a --to-tar t --lock-output l --registry-ca-cert-path no.pem",
    "Creating registry HTTP transport: Reading CA certificates from 'no.pem'",
  ],
  ["--tar a --to-tar t --lock-output l", "Cannot use tar source (--tar) with tar destination (--to-tar)"],
  [`${source} --to-tar t --lock-output l`, "Cannot output lock file with tar destination"],
  [`${source} --to-repo 127.0.0.1:1/b:v1 --resume`, "Flag --resume can only be used when copying to tar"],
  [`${source} --to-repo 127.0.0.1:1/b --since t`, "Flags --since and --known can only be used when"],
  ["-b 127.0.0.1:1/a --ignore-bundle-check --to-tar t", "Flag --ignore-bundle-check can only be used with"],
  [`${source} --to-repo 127.0.0.1:1/b:v1`, `${notARepository}: b:v1`],
  ["--lock no.yml --to-repo 127.0.0.1:1/b", "Reading path"],
];

test("lines that make no sense are refused in imgpkg's order, with its sentences", async (t) => {
  const cwd = await tempDir(t);
  for (const [line, sentence] of refusals) {
    const { code, stderr } = await lading(`copy ${line}`.trim().split(" "), { cwd });
    assert.ok(stderr.includes(sentence), `copy ${line}: ${stderr}`);
    assert.notEqual(code, 0);
  }
});

test("a bundle is no image and an image no bundle, in a lock either", async (t) => {
  const { host, shell, app, nested } = await scene(t);
  const to = `--to-repo ${host}/x`;
  assert.match(
    await fails(shell, `copy -b ${app} ${to}`),
    /Expected bundle image but found plain image\n.*\n +hint: Did you use -i instead of -b\?/,
  );
  assert.match(
    await fails(shell, `copy -i ${nested} ${to}`),
    /Expected bundle flag when copying a bundle\n +hint: Use -b instead of -i for bundles/,
  );
  put(
    join(shell.cwd, "lock.yml"),
    `apiVersion: imgpkg.carvel.dev/v1alpha1\nimages:\n- image: ${nested}\nkind: ImagesLock\n`,
  );
  assert.match(
    await fails(shell, `copy --lock lock.yml ${to}`),
    /Unable to copy bundles using an Images Lock file\n +hint: Create a bundle with these images/,
  );
  put(join(shell.cwd, "lock.yml"), "apiVersion: imgpkg.carvel.dev/v1alpha1\nkind: Elephant\n");
  assert.match(
    await fails(shell, `copy --lock lock.yml ${to}`),
    /Validating images lock: Validating kind: Unknown kind \(known: ImagesLock\)/,
  );
});

test("a bundle as an image is copied alone when that is asked for", async (t) => {
  const { host, shell, yard, outer } = await scene(t);
  await run(shell, `copy -i ${host}/outer-bundle:v1 --ignore-bundle-check --to-repo ${host}/x`);
  assert.deepEqual(await yard.tags(`${host}/x`), [`${dashed(outer)}.imgpkg`, "v1"].sort());
});

test("a BundleLock goes in and comes out", async (t) => {
  const { host, shell, outer } = await scene(t);
  const lock = (repository: string) =>
    `---\napiVersion: imgpkg.carvel.dev/v1alpha1\nbundle:\n  image: ${outer.replace("outer-bundle", repository)}\n  tag: v1\nkind: BundleLock\n`;
  await run(shell, `copy -b ${host}/outer-bundle:v1 --to-repo ${host}/x --lock-output one.yml`);
  assert.equal(await text(shell.cwd, "one.yml"), lock("x"));
  assert.equal((await stat(join(shell.cwd, "one.yml"))).mode & 0o777, 0o600);
  await run(shell, `copy --lock one.yml --to-repo ${host}/y --lock-output two.yml`);
  assert.equal(await text(shell.cwd, "two.yml"), lock("y"));
  await run(shell, `copy -b ${outer} --to-repo ${host}/z --lock-output three.yml`);
  assert.equal(await text(shell.cwd, "three.yml"), lock("z").replace("  tag: v1\n", ""));
});

test("what a lock file names is called by the repository that it is copied from, a bundle's by its origin", async (t) => {
  const { host, shell, yard, outer, app } = await scene(t);
  await run(shell, `copy -b ${host}/outer-bundle:v1 --to-repo ${host}/x --lock-output one.yml`);
  await run(shell, `copy --lock one.yml --to-repo ${host}/y --repo-based-tags`);
  const byLock = await yard.tags(`${host}/y`);
  assert.ok(byLock.includes(`x-${dashed(app)}.imgpkg`) && byLock.includes(`x-${dashed(outer)}.imgpkg`));
  await run(shell, `copy -b ${host}/x:v1 --to-repo ${host}/z --repo-based-tags`);
  const byName = await yard.tags(`${host}/z`);
  assert.ok(
    byName.includes(`simple-app-${dashed(app)}.imgpkg`) && byName.includes(`x-${dashed(outer)}.imgpkg`),
  );
});

test("an ImagesLock keeps its order and annotations, and names the platform that was chosen", async (t) => {
  const { host, shell, yard, app } = await scene(t);
  const arm64 = image({ seed: 4, platform: { os: "linux", architecture: "arm64" } });
  const multi = await yard.put(`${host}/multi`, index([image({ seed: 3 }), arm64]));
  const signature = await yard.cosign(app, "sig", 12);
  put(
    join(shell.cwd, "lock.yml"),
    `apiVersion: imgpkg.carvel.dev/v1alpha1\nimages:\n- annotations:\n    id: second\n  image: ${multi}\n- image: ${app}\nkind: ImagesLock\n`,
  );
  const to = (digest: string) => `${host}/x@${digest}`;
  await run(
    shell,
    `copy --lock lock.yml --to-repo ${host}/x --lock-output out.yml --cosign-signatures --platform linux/arm64`,
  );
  assert.equal(
    await text(shell.cwd, "out.yml"),
    `---\napiVersion: imgpkg.carvel.dev/v1alpha1\nimages:\n- annotations:\n    id: second\n  image: ${to(arm64.root.digest)}\n- image: ${to(app.split("@")[1] ?? "")}\n- image: ${to(signature)}\nkind: ImagesLock\n`,
  );
  assert.deepEqual(
    await yard.tags(`${host}/x`),
    [arm64.root.digest, app, signature]
      .map((each) => `${dashed(each)}.imgpkg`)
      .concat(`${dashed(app)}.sig`)
      .sort(),
  );
});

test("an image and what cosign has for it: the lock names both", async (t) => {
  const { host, shell, yard, app } = await scene(t);
  const kept = [await yard.cosign(app, "sig", 12), await yard.cosign(app, "att", 13)];
  await run(
    shell,
    `copy -i ${host}/simple-app:v1 --to-repo ${host}/x --lock-output out.yml --cosign-artifacts`,
  );
  const written = await text(shell.cwd, "out.yml");
  for (const each of [app.split("@")[1], ...kept])
    assert.ok(written.includes(`- image: ${host}/x@${each}\n`));
  assert.ok((await yard.tags(`${host}/x`)).includes("v1"));
});

test("JSON tells of every image where it was found and what became of it", async (t) => {
  const { host, shell, app, nested, outer } = await scene(t);
  const line = `copy -b ${host}/outer-bundle:v1 --to-repo ${host}/x --json`;
  const report = JSON.parse((await run(shell, line)).stdout) as Report;
  const at = (reference: string) => report.images.find(({ from }) => from === reference);
  const digestOf = (reference: string) => reference.split("@")[1] ?? "";
  const common = { referrers: 0 };
  for (const [reference, kind, foundBy, tags] of [
    [app, "image", "origin", []],
    [nested, "bundle", "origin", []],
    [outer, "bundle", "given", ["v1"]],
  ] as const) {
    const { moved, mounted, present, mediaType: _, ...rest } = at(reference) ?? {};
    assert.deepEqual(rest, {
      ...common,
      ...{ kind, foundBy, from: reference, origin: reference, digest: digestOf(reference) },
      to: `${host}/x@${digestOf(reference)}`,
      tags: [`${dashed(reference)}.imgpkg`, ...tags],
    });
    for (const amount of [moved, mounted, present]) assert.ok(amount !== undefined);
  }
  assert.deepEqual(
    report.locations.map(({ bundle }) => bundle).sort(),
    [digestOf(outer), digestOf(nested)].sort(),
  );
  assert.ok(report.moved.bytes > 0);
});

test("a plan tells what would move, the locations with their digests too, and changes nothing", async (t) => {
  const { host, shell, yard, outer } = await scene(t);
  const other = await startRegistry(t);
  const line = `copy -b ${host}/outer-bundle:v1 --to-repo ${other.host}/x`;
  const planned = JSON.parse((await run(shell, `${line} --plan --json`)).stdout) as Report;
  const people = (await run(shell, `${line} --plan`)).stdout;
  assert.match(
    people,
    /^Would copy .*outer-bundle:v1 as v1\n {2}to .*\n {2}with 1 bundle, 1 image: 2 found at the origin\n/,
  );
  assert.match(people, new RegExp(`\\n {2}then write ${dashed(outer)}\\.image-locations\\.imgpkg\\n`));
  assert.deepEqual(await yard.tags(`${other.host}/x`), []);
  const done = JSON.parse((await run(shell, `${line} --json`)).stdout) as Report;
  assert.deepEqual(planned.locations, done.locations);
  const tar = `copy -b ${host}/outer-bundle:v1 --to-tar b.tar`;
  assert.match((await run(shell, `${tar} --plan`)).stdout, /^Would copy (?:.*\n)*.*to move 3 layers/);
  await assert.rejects(stat(join(shell.cwd, "b.tar")));
});

test("a tar of old, which names no root: it is imported, and no lock can tell of it", async (t) => {
  const { host, shell } = await scene(t);
  await run(shell, `copy -b ${host}/outer-bundle:v1 --to-tar b.tar`);
  const other = await startRegistry(t);
  const tar = (await import("node:fs")).readFileSync(join(shell.cwd, "b.tar"));
  const label = '"dev.carvel.imgpkg.copy.root-bundle"';
  const at = tar.indexOf(label);
  assert.ok(at > 0);
  // Same length, another name: nobody's label.
  tar.write('"dev.carvel.imgpkg.copy.some-bundle"', at);
  await writeFile(join(shell.cwd, "old.tar"), tar);
  await run(shell, `copy --tar old.tar --to-repo ${other.host}/x`);
  assert.match(
    await fails(shell, `copy --tar old.tar --to-repo ${other.host}/y --lock-output l.yml`),
    /Unable to determine correct root bundle to use for lock-output\. hint: if copying from a tarball, try/,
  );
});

test("registries with users of their own in one run: each sees its own, and no other", async (t) => {
  const one = await startGuardedRegistry(t, "our registry", 0);
  const two = await startGuardedRegistry(t, "our registry", 1);
  const proxies = [await startFaultProxy(t, one.host), await startFaultProxy(t, two.host)] as const;
  const [from, to] = proxies.map(({ host }) => host);
  const env = credentialsOf({ ...one, host: from ?? "" }, { ...two, host: to ?? "" });
  const cwd = await tempDir(t);
  const shell = { cwd, env };
  put(join(cwd, "app/hello.txt"), "hello\n");
  await run(shell, `push -i ${from}/app:v1 -f app`);
  const app = (await run(shell, `tag resolve -i ${from}/app:v1`)).stdout.trim();
  put(
    join(cwd, "bundle/.imgpkg/images.yml"),
    `apiVersion: imgpkg.carvel.dev/v1alpha1\nimages:\n- image: ${app}\nkind: ImagesLock\n`,
  );
  await run(shell, `push -b ${from}/bundle:v1 -f bundle`);
  await run(shell, `copy -b ${from}/bundle:v1 --to-repo ${to}/x`);
  const basic = ({ user, password }: typeof one) =>
    `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
  for (const [i, registry] of [one, two].entries()) {
    const seen = new Set(proxies[i]?.requests.flatMap(({ headers }) => headers.authorization ?? []));
    assert.deepEqual([...seen], [basic(registry)]);
  }
});
