import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { promisify } from "node:util";
import { type Ended, lading } from "../../cli/support/program.ts";
import { startDockerRegistry } from "../../support/docker-registry.ts";
import { findProgram, needs } from "../../support/peers.ts";
import { startRegistry } from "../../support/registry.ts";
import { observed, sampleBundle, writeSampleBundle } from "../../support/sample-bundle.ts";
import { tempDir } from "../../support/tmp.ts";

const kept = `${sampleBundle.manifest.replace(":", "-")}.imgpkg`;

function ok(ended: Ended): string {
  assert.equal(ended.code, 0, ended.stderr);
  return ended.stdout;
}

/** A folder to work in, with the sample bundle as `app`. */
async function workFolder(t: TestContext): Promise<string> {
  const cwd = await tempDir(t);
  await writeSampleBundle(join(cwd, "app"));
  return cwd;
}

type Start = (t: TestContext) => Promise<{ readonly host: string }>;
const registries: readonly (readonly [name: string, start: Start, skip: string | false])[] = [
  ["Lading's registry", startRegistry, false],
  ["docker-registry", startDockerRegistry, needs("docker-registry").skip],
];

for (const [name, start, skip] of registries) {
  test(`a bundle in ${name} has imgpkg's bytes, tags and lock; again, nothing moves`, { skip }, async (t) => {
    const cwd = await workFolder(t);
    const { host } = await start(t);
    const push = ["push", "-b", `${host}/team/app:v1`, "-f", "app", "--tag", "v2", "--tag", "v1"];
    const pushed = ok(await lading([...push, "--lock-output", "lock.yml"], { cwd }));
    assert.equal(
      pushed,
      `Pushed app as v1, v2\n  to ${host}/team/app@${sampleBundle.manifest}\n  moved 3 (1.4 kB)\n`,
    );
    assert.equal(
      await readFile(join(cwd, "lock.yml"), "utf8"),
      `---
apiVersion: imgpkg.carvel.dev/v1alpha1
bundle:
  image: ${host}/team/app@${sampleBundle.manifest}
  tag: v1
kind: BundleLock
`,
    );
    const tags = await lading(["tag", "list", "-i", `${host}/team/app`, "--imgpkg-internal-tags", "-q"]);
    assert.equal(ok(tags), `${[kept, "v1", "v2"].sort().join("\n")}\n`);
    const get = async (path: string) =>
      Buffer.from(await (await fetch(`http://${host}/v2/team/app/${path}`)).arrayBuffer());
    assert.deepEqual(await get(`blobs/${sampleBundle.layer}`), await observed("bundle-layer.tar.gz"));
    assert.deepEqual(await get(`blobs/${sampleBundle.config}`), await observed("bundle-config.json"));
    assert.deepEqual(await get(`manifests/${sampleBundle.manifest}`), await observed("bundle-manifest.json"));

    const again = JSON.parse(ok(await lading([...push, "--json"], { cwd })));
    assert.deepEqual(again.moved, { nodes: 0, bytes: 0 });
    assert.deepEqual(again.images[0].tags, ["v1", "v2", kept]);
  });

  test(`skopeo reads a bundle out of ${name}`, { skip: skip || needs("skopeo").skip }, async (t) => {
    const cwd = await workFolder(t);
    const { host } = await start(t);
    ok(await lading(["push", "-b", `${host}/app`, "-f", "app", "-l", "team=web"], { cwd }));
    const skopeo = promisify(execFile)(findProgram("skopeo") ?? "", [
      ...["inspect", "--tls-verify=false", "--override-os", "linux", "--config"],
      `docker://${host}/app:latest`,
    ]);
    const config = JSON.parse((await skopeo).stdout);
    assert.deepEqual(config.config.Labels, { "dev.carvel.imgpkg.bundle": "true", team: "web" });
    assert.deepEqual(config.rootfs.diff_ids, [sampleBundle.diffId]);
    const copied = promisify(execFile)(findProgram("skopeo") ?? "", [
      ...["copy", "--src-tls-verify=false", `docker://${host}/app:latest`, `dir:${join(cwd, "out")}`],
    ]);
    await copied;
    assert.deepEqual(
      await readFile(join(cwd, "out", sampleBundle.layer.replace("sha256:", ""))),
      await observed("bundle-layer.tar.gz"),
    );
  });
}

test("an image goes to any place; only a registry gets the tag that keeps it", async (t) => {
  const cwd = await workFolder(t);
  const file = ["-f", "app/config.yml"];
  const digest = "sha256:ea3742a200bf4523914773150389e8a7e84e023e150b73395dffe43dc9cf507e";
  const seen = JSON.parse(ok(await lading(["push", "-i", "oci:layout:v1", ...file, "--json"], { cwd })));
  assert.equal(seen.images[0].digest, digest);
  assert.deepEqual(seen.images[0].tags, ["v1"]);
  ok(await lading(["push", "-i", "oci-archive:a.tar:v1", ...file], { cwd }));
  ok(await lading(["push", "-b", "oci:bundles:v1", "-f", "app"], { cwd }));
  const resolved = await lading(["tag", "resolve", "-i", "oci:bundles:v1"], { cwd });
  assert.equal(ok(resolved), `oci:bundles@${sampleBundle.manifest}\n`);
  const lock = await lading(["push", "-b", "oci:x:v1", "-f", "app", "--lock-output", "l.yml"], { cwd });
  assert.equal(lock.code, 2);
  assert.match(lock.stderr, /a lock names a registry, and oci:x:v1 is none/);
  assert.deepEqual((await readdir(cwd)).sort(), ["a.tar", "app", "bundles", "layout"]);
});

test(
  "a lock keeps the mode of a file that is there; a new one is its owner's alone",
  needs("mkfifo"),
  async (t) => {
    const cwd = await workFolder(t);
    const { host } = await startRegistry(t);
    const push = (lock: string) =>
      lading(["push", "-b", `${host}/app`, "-f", "app", "--lock-output", lock], { cwd });
    const mode = async (name: string) => (await stat(join(cwd, name))).mode & 0o7777;
    ok(await push("new.yml"));
    assert.equal(await mode("new.yml"), 0o600);
    assert.match(await readFile(join(cwd, "new.yml"), "utf8"), /\n {2}tag: latest\n/);
    await writeFile(join(cwd, "old.yml"), "old content that is longer than what a lock has".repeat(20));
    await chmod(join(cwd, "old.yml"), 0o664);
    await symlink("old.yml", join(cwd, "link.yml"));
    ok(await push("link.yml"));
    assert.equal(await mode("old.yml"), 0o664);
    assert.equal(await readFile(join(cwd, "old.yml"), "utf8"), await readFile(join(cwd, "new.yml"), "utf8"));
    assert.deepEqual((await readdir(cwd)).sort(), ["app", "link.yml", "new.yml", "old.yml"]);
    // Into what is no file it goes as it is.
    assert.equal(spawnSync("mkfifo", [join(cwd, "pipe")]).status, 0);
    const piped = readFile(join(cwd, "pipe"), "utf8");
    ok(await push("pipe"));
    assert.match(await piped, /^---\napiVersion: /);
    // A push that fails leaves the lock alone.
    await writeFile(join(cwd, "app/.imgpkg/images.yml"), "");
    assert.notEqual((await push("old.yml")).code, 0);
    assert.match(await readFile(join(cwd, "old.yml"), "utf8"), /^---\n/);
  },
);

test("a plan writes neither image nor lock", async (t) => {
  const cwd = await workFolder(t);
  const { host } = await startRegistry(t);
  const push = ["push", "-b", `${host}/app:v1`, "-f", "app", "--lock-output", "lock.yml", "--plan"];
  assert.match(ok(await lading(push, { cwd })), /^Would push app as v1\n/);
  assert.equal((await lading(["tag", "resolve", "-i", `${host}/app:v1`])).code, 3);
  assert.deepEqual(await readdir(cwd), ["app"]);
});

test("the call itself is refused in imgpkg's order and words", async (t) => {
  const cwd = await workFolder(t);
  const digest = `127.0.0.1:1/app@${sampleBundle.manifest}`;
  const reserved = ["-l", "dev.carvel.imgpkg.bundle=x"];
  const lock = ["--lock-output", "lock.yml"];
  const cases: readonly (readonly [args: readonly string[], message: RegExp])[] = [
    [[], /Expected either image or bundle\n/],
    [["-b", ""], /Expected either image or bundle\n/],
    [
      ["-b", "x", "-i", "y", ...reserved, "--registry-ca-cert-path", "nothing.pem"],
      /Creating registry HTTP transport: Reading CA certificates from 'nothing\.pem'/,
    ],
    [["-b", "x", "-i", "y"], /Expected only one of image or bundle\n/],
    [
      ["-b", "x", "-i", "y", ...reserved],
      /label 'dev\.carvel\.imgpkg\.bundle' is reserved and cannot be overriden\. /,
    ],
    [
      ["-i", "127.0.0.1:1/app", ...lock, "-f", "nothing"],
      /Lock output is not compatible with image, use bundle for lock output\n/,
    ],
    [["-b", digest, "-f", "nothing"], /a destination has no digest/],
    [["-i", digest, "-f", "app"], /a destination has no digest/],
    [["-i", "127.0.0.1:1/app", "-f", "app"], /Images cannot be pushed with '\.imgpkg' directories/],
    [["-b", "127.0.0.1:1/app", "-f", "app/config.yml"], /This directory is not a bundle/],
    [["-b", "127.0.0.1:1/app", "-f", "app", "-f", "app/config.yml"], /Found duplicate paths: config\.yml\n/],
    [["-i", "127.0.0.1:1/app", "-f", "no/such"], /lstat no\/such: no such file or directory\n/],
  ];
  for (const [args, message] of cases) {
    const { code, stdout, stderr } = await lading(["push", ...args], { cwd });
    assert.notEqual(code, 0, args.join(" "));
    assert.match(stderr, message);
    assert.equal(stdout, "");
  }
  assert.deepEqual(await readdir(cwd), ["app"]);
});

test("on a terminal imgpkg's lines tell what was packed and where it is", async (t) => {
  const cwd = await workFolder(t);
  const { host } = await startRegistry(t);
  const pushed = await lading(["push", "-b", `${host}/app:v1`, "-f", "app", "--tty"], { cwd });
  assert.equal(
    ok(pushed),
    `dir: .
dir: .imgpkg
file: .imgpkg/bundle.yml
file: .imgpkg/images.yml
file: config.yml
Pushed '${host}/app@${sampleBundle.manifest}'
Succeeded
`,
  );
});

test("a bundle goes straight into a tar with what it names, and no registry is asked that it does not name", async (t) => {
  const cwd = await workFolder(t);
  const origin = await startRegistry(t);
  const to = await startRegistry(t);
  const image = ok(
    await lading(["push", "-q", "-i", `${origin.host}/lib:v1`, "-f", "app/config.yml"], { cwd }),
  );
  const lock = `apiVersion: imgpkg.carvel.dev/v1alpha1\nkind: ImagesLock\nimages:\n- image: ${image}`;
  await writeFile(join(cwd, "app/.imgpkg/images.yml"), lock);
  // Nothing listens there.
  const push = ["push", "-b", "127.0.0.1:1/made/app:v3", "-f", "app", "--to-tar", "app.tar", "--json"];
  const planned = JSON.parse(ok(await lading([...push, "--plan"], { cwd })));
  assert.equal(planned.images.length, 2);
  assert.deepEqual(await readdir(cwd), ["app"]);
  ok(await lading(push, { cwd }));

  const bundle = (place: string) => ["tag", "resolve", "-i", place];
  const carry = ["copy", "--tar", "app.tar", "--to-repo", `${to.host}/app`, "--lock-output", "lock.yml"];
  ok(await lading(carry, { cwd }));
  const pushed = ok(await lading(["push", "-q", "-b", `${origin.host}/app:v3`, "-f", "app"], { cwd }));
  const digest = pushed.trim().slice(pushed.indexOf("@"));
  assert.equal(ok(await lading(bundle(`${to.host}/app:v3`))), `${to.host}/app${digest}\n`);
  assert.match(await readFile(join(cwd, "lock.yml"), "utf8"), new RegExp(`image: .*${digest}\n {2}tag: v3`));
  // The image came along, and the locations know it.
  ok(await lading(bundle(`${to.host}/app${image.trim().slice(image.indexOf("@"))}`)));
  const name = `${digest.slice(1).replace(":", "-")}.image-locations.imgpkg`;
  ok(await lading(bundle(`${to.host}/app:${name}`)));

  // An image that the lock names in the bundle's own repository is found there.
  const own = ["push", "-b", `${origin.host}/lib:v2`, "-f", "app", "--to-tar", "own.tar", "--json"];
  assert.equal(JSON.parse(ok(await lading(own, { cwd }))).images.length, 2);
  // An image alone goes, too.
  const single = ["push", "-i", "127.0.0.1:1/page:v1", "-f", "app/config.yml", "--to-tar", "page.tar"];
  ok(await lading(single, { cwd }));
  ok(await lading(["copy", "--tar", "page.tar", "--to-repo", `${to.host}/page`], { cwd }));
  const page = ok(await lading(bundle(`${to.host}/page:v1`)));
  assert.equal(page.slice(page.indexOf("@")), image.slice(image.indexOf("@")));
  for (const [more, message] of [
    [["--lock-output", "x"], /Cannot output lock file with tar destination/],
    [["--tag", "v2"], /Flag --tag cannot be used when pushing to tar/],
  ] as const) {
    const refused = await lading([...push, ...more], { cwd });
    assert.equal(refused.code, 2);
    assert.match(refused.stderr + refused.stdout, message);
  }
});

test("the old name of an exclusion works and says so", async (t) => {
  const cwd = await workFolder(t);
  await mkdir(join(cwd, "app/drafts"));
  const { host } = await startRegistry(t);
  const push = ["push", "-b", `${host}/app`, "-f", "app", "-q"];
  const { code, stdout, stderr } = await lading([...push, "--file-exclude-defaults", ".git,drafts"], { cwd });
  assert.equal(code, 0, stderr);
  assert.equal(stdout, `${host}/app@${sampleBundle.manifest}\n`);
  assert.equal(stderr, "Flag --file-exclude-defaults has been deprecated, use --file-exclusion instead\n");
});

test("an image without files is pushed, and said to be empty", async (t) => {
  const { host } = await startRegistry(t);
  const { code, stdout, stderr } = await lading(["push", "-i", `${host}/empty`, "-q"]);
  assert.equal(code, 0, stderr);
  assert.equal(
    stdout,
    `${host}/empty@sha256:12798cbf035884be93b90ba6f2c6148aafe6b8cd64b58ceefcf46ca7327c5296\n`,
  );
  assert.match(
    (await lading(["push", "-i", `${host}/empty`])).stderr,
    /the image is empty: no files were named/,
  );
});
