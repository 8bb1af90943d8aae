import assert from "node:assert/strict";
import { chmod, mkdir, readdir, readFile, readlink, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { openLayout } from "../../src/stores/layout/open.ts";
import { file, symlink as linkEntry, putImage, tarOf } from "../support/image.ts";
import { startRegistry } from "../support/registry.ts";
import { tempDir } from "../support/tmp.ts";
import { type Ended, lading } from "./support/program.ts";

const digestPattern = /sha256:[0-9a-f]{64}/;

async function site(t: test.TestContext): Promise<string> {
  const dir = await tempDir(t);
  await mkdir(join(dir, "site/bin"), { recursive: true });
  await mkdir(join(dir, "site/.git"));
  await writeFile(join(dir, "site/.git/config"), "no");
  await writeFile(join(dir, "site/index.html"), "<p>hello");
  await writeFile(join(dir, "site/bin/run"), "#!/bin/sh\n");
  await chmod(join(dir, "site/bin/run"), 0o755);
  return dir;
}

function ok(ended: Ended): string {
  assert.equal(ended.code, 0, ended.stderr);
  return ended.stdout;
}

function json(ended: Ended): Record<string, unknown> {
  return JSON.parse(ok(ended)) as Record<string, unknown>;
}

test("push, tags, copy and pull keep the digest and the files", async (t) => {
  const cwd = await site(t);
  const one = await startRegistry(t);
  const two = await startRegistry(t);
  const pushed = ok(
    await lading(["push", "-i", `${one.host}/site:v1`, "-f", "site", "--tag", "v2"], { cwd }),
  );
  assert.match(pushed, /^Pushed site as v1, v2\n {2}to 127/);
  const digest = digestPattern.exec(pushed)?.[0];
  const again = ok(await lading(["push", "-q", "-i", `${one.host}/other:v1`, "-f", "site"], { cwd }));
  assert.equal(again, `${one.host}/other@${digest}\n`);

  const copied = json(
    await lading(["copy", "-i", `${one.host}/site:v1`, "--to-repo", `${two.host}/site`, "--json"], { cwd }),
  );
  assert.equal((copied["images"] as { digest: string }[])[0]?.digest, digest);
  assert.deepEqual(copied["present"], { nodes: 0, bytes: 0 });
  assert.equal(
    ok(await lading(["tag", "resolve", "-i", `${two.host}/site:v1`])),
    `${two.host}/site@${digest}\n`,
  );
  assert.equal(ok(await lading(["tag", "list", "-i", `${one.host}/site`])), "v1\nv2\n");
  const listed = json(await lading(["tag", "list", "-i", `${one.host}/site`, "--digests", "--json"]));
  assert.deepEqual(
    (listed["tags"] as { name: string; digest: string }[]).map((tag) => [tag.name, tag.digest]),
    [
      ["v1", digest],
      ["v2", digest],
    ],
  );

  ok(await lading(["pull", "-i", `${two.host}/site:v1`, "-o", "out"], { cwd }));
  assert.deepEqual((await readdir(join(cwd, "out"))).sort(), ["bin", "index.html"]);
  assert.equal((await stat(join(cwd, "out/bin/run"))).mode & 0o777, 0o755);
});

test("an image whose upper layer writes through a folder that became a link is pulled as its programs see it", async (t) => {
  const cwd = await tempDir(t);
  const layout = await openLayout(join(cwd, "layout"), { create: true });
  const base = tarOf({ name: "usr/lib/" }, file("usr/lib/base"), linkEntry("lib", "usr/lib"));
  const upper = tarOf(file("lib/x"), file("lib/modules/y"));
  await putImage(layout, [base, upper], { tag: "v1" });
  ok(await lading(["pull", "-i", "oci:layout:v1", "-o", "out"], { cwd }));
  assert.equal(await readlink(join(cwd, "out/lib")), "usr/lib");
  assert.deepEqual((await readdir(join(cwd, "out/usr/lib"), { recursive: true })).sort(), [
    "base",
    "modules",
    "modules/y",
    "x",
  ]);
  // A link that leads out of the image stays within it all the same.
  await putImage(layout, [tarOf(linkEntry("lib", "../../outside")), tarOf(file("lib/x"))], { tag: "v2" });
  await lading(["pull", "-i", "oci:layout:v2", "-o", "out2"], { cwd });
  assert.deepEqual(
    (await readdir(cwd)).filter((name) => name === "outside"),
    [],
  );
});

test("a platform that the one image is not for is refused by pull, and said by copy", async (t) => {
  const cwd = await tempDir(t);
  const layout = await openLayout(join(cwd, "layout"), { create: true });
  await putImage(layout, [tarOf(file("x"))], { tag: "v1" });
  const pull = ["pull", "-i", "oci:layout:v1", "-o", "out", "--platform"];
  const refused = await lading([...pull, "linux/arm64"], { cwd });
  assert.equal(refused.code, 3);
  assert.match(
    refused.stderr,
    /ERR_LADING_NOT_FOUND: there is no image for linux\/arm64\n.*\n.*the image is for linux\/amd64/,
  );
  ok(await lading([...pull, "linux/amd64"], { cwd }));
  const copy = ["copy", "-i", "oci:layout:v1", "--to-tar", "a.tar", "--platform"];
  const copied = await lading([...copy, "linux/arm64"], { cwd });
  assert.match(ok(copied), /^Copied/);
  assert.match(
    copied.stderr,
    /warning: sha256:[0-9a-f]{64} at oci:layout is one image for linux\/amd64, and copied as it is/,
  );
  const matching = await lading([...copy, "linux/amd64,linux/arm64"], { cwd });
  assert.match(ok(matching), /^Copied/);
  assert.doesNotMatch(matching.stderr, /warning/);
});

test("pull replaces what was there, and only that", async (t) => {
  const cwd = await site(t);
  const { host } = await startRegistry(t);
  ok(await lading(["push", "-i", `${host}/site:v1`, "-f", "site"], { cwd }));
  await mkdir(join(cwd, "out"));
  await writeFile(join(cwd, "out/old"), "old");
  const missing = await lading(["pull", "-i", `${host}/site:v9`, "-o", "out"], { cwd });
  assert.equal(missing.code, 3);
  assert.deepEqual(await readdir(join(cwd, "out")), ["old"]);
  const planned = ok(await lading(["pull", "-i", `${host}/site:v1`, "-o", "out", "--plan"], { cwd }));
  assert.match(planned, /^Would pull .*\n {2}into out: 1 layer, /);
  assert.deepEqual(await readdir(join(cwd, "out")), ["old"]);
  ok(await lading(["pull", "-i", `${host}/site:v1`, "-o", "out"], { cwd }));
  assert.ok(!(await readdir(join(cwd, "out"))).includes("old"));
  assert.deepEqual((await readdir(cwd)).sort(), ["out", "site"]);
});

test("an archive carries an image from one registry to another", async (t) => {
  const cwd = await site(t);
  const one = await startRegistry(t);
  const two = await startRegistry(t);
  const image = ok(await lading(["push", "-q", "-i", `${one.host}/site:v1`, "-f", "site"], { cwd })).trim();
  ok(await lading(["copy", "-i", `${one.host}/site:v1`, "--to-tar", "site.tar"], { cwd }));
  ok(await lading(["copy", "--tar", "site.tar", "--to-repo", `${two.host}/in/site`], { cwd }));
  const resolved = ok(await lading(["tag", "resolve", "-i", `${two.host}/in/site:v1`]));
  assert.equal(digestPattern.exec(resolved)?.[0], digestPattern.exec(image)?.[0]);
  assert.equal(ok(await lading(["tag", "list", "-i", `${two.host}/in/site`])), "v1\n");
  // Other forms of archives are read as well. A digest travels without a name.
  ok(await lading(["image", "copy", `${one.host}/site:v1`, "oci-archive:oci.tar:v1"], { cwd }));
  ok(await lading(["copy", "--tar", "oci.tar", "--to-repo", `${two.host}/oci`], { cwd }));
  assert.equal(ok(await lading(["tag", "list", "-i", `${two.host}/oci`])), "v1\n");
  const docker = ["image", "copy", `${one.host}/site:v1`, "docker-archive:docker.tar:harbour/site:v3"];
  ok(await lading(docker, { cwd }));
  ok(await lading(["copy", "--tar", "docker.tar", "--to-repo", `${two.host}/docker`], { cwd }));
  assert.equal(ok(await lading(["tag", "list", "-i", `${two.host}/docker`])), "v3\n");
  ok(await lading(["copy", "-i", image, "--to-tar", "nameless.tar"], { cwd }));
  ok(await lading(["copy", "--tar", "nameless.tar", "--to-repo", `${two.host}/nameless`], { cwd }));
  ok(
    await lading(["tag", "resolve", "-i", image.replace(one.host, two.host).replace("/site@", "/nameless@")]),
  );
});

test("a plan moves nothing", async (t) => {
  const cwd = await site(t);
  const { host } = await startRegistry(t);
  const planned = ok(await lading(["push", "-i", `${host}/site:v1`, "-f", "site", "--plan"], { cwd }));
  assert.match(planned, /^Would push site as v1\n(.*\n)*.*to move 3 \(/);
  const data = json(
    await lading(["push", "-i", `${host}/site:v1`, "-f", "site", "--plan", "--json"], { cwd }),
  );
  assert.equal((data["totals"] as { move: { nodes: number } }).move.nodes, 3);
  assert.equal((await lading(["tag", "resolve", "-i", `${host}/site:v1`])).code, 3);
  for (const place of ["oci:layout:v1", "oci-archive:a.tar", "docker-archive:b.tar"]) {
    assert.match(
      ok(await lading(["push", "-i", place, "-f", "site", "--plan"], { cwd })),
      /to move 3 \(/,
      place,
    );
  }
  assert.deepEqual(await readdir(cwd), ["site"]);
});

test("many images in one copy keep their names, from arguments and from a file", async (t) => {
  const cwd = await site(t);
  const { host } = await startRegistry(t);
  for (const [tag, path] of [
    ["a", "site"],
    ["b", "site/index.html"],
  ] as const) {
    ok(await lading(["push", "-i", `oci:layout:${tag}`, "-f", path], { cwd }));
  }
  ok(await lading(["image", "copy", "oci:layout:a", "oci:layout:b", `${host}/many`], { cwd }));
  assert.equal(ok(await lading(["tag", "list", "-i", `${host}/many`])), "a\nb\n");
  await writeFile(join(cwd, "list"), "# two of them\noci:layout:a # the first\n\noci:layout:b\n");
  ok(await lading(["image", "copy", "--from-file", "list", `oci:other`], { cwd }));
  assert.equal(ok(await lading(["tag", "list", "-i", "oci:other"], { cwd })), "a\nb\n");
  const read = await lading(["image", "copy", "--from-file", "-", `oci:third`], {
    cwd,
    input: "oci:layout:a\n",
  });
  assert.equal(read.code, 0, read.stderr);
  const clash = await lading(["image", "copy", "oci:layout:a", "oci:other:a", `${host}/x`], { cwd });
  assert.equal(clash.code, 2);
  assert.match(clash.stderr, /would both be tagged a/);
  const one = await lading(["image", "copy", "oci:layout:a", "oci:layout:b", `${host}/x:tag`], { cwd });
  assert.equal(one.code, 2);
});

test("labels and platform are in the config; inspect shows its bytes", async (t) => {
  const cwd = await site(t);
  ok(
    await lading(
      ["push", "-i", "oci:img:v1", "-f", "site", "-l", "a=1,2", "-l", "b=2", "--platform", "linux/arm64"],
      { cwd },
    ),
  );
  const config = json(await lading(["image", "inspect", "oci:img:v1", "--config"], { cwd }));
  assert.equal(config["architecture"], "arm64");
  assert.deepEqual((config["config"] as { Labels: object }).Labels, { a: "1,2", b: "2" });
  const raw = ok(await lading(["image", "inspect", "oci:img:v1", "--raw"], { cwd }));
  const { name, ...seen } = json(await lading(["image", "inspect", "oci:img:v1", "--json"], { cwd }));
  assert.match(String(name), /^oci:img@sha256:/);
  const blob = join(cwd, "img/blobs", String(seen["digest"]).replace(":", "/"));
  assert.equal(raw.trimEnd(), await readFile(blob, "utf8"));
  assert.match(ok(await lading(["image", "inspect", "oci:img:v1"], { cwd })), /Label: +a=1,2\n/);
});

test("compression is chosen; what does not exist is refused", async (t) => {
  const cwd = await site(t);
  for (const [how, type] of [
    ["none", "diff.tar"],
    ["gzip:9", "diff.tar.gzip"],
    ["parallel", "diff.tar.gzip"],
    ["imgpkg", "diff.tar.gzip"],
  ] as const) {
    ok(await lading(["push", "-i", "oci:img:v1", "-f", "site", "--compression", how], { cwd }));
    const seen = json(await lading(["image", "inspect", "oci:img:v1", "--json"], { cwd }));
    const [layer] = seen["layers"] as { mediaType: string }[];
    assert.ok(layer?.mediaType.endsWith(`.${type}`), layer?.mediaType);
  }
  for (const wrong of ["lzma", "gzip:", "gzip:x", "none:1", "gzip:10"]) {
    assert.equal(
      (await lading(["push", "-i", "oci:img:v1", "-f", "site", "--compression", wrong], { cwd })).code,
      2,
      wrong,
    );
  }
});

test("files of an image: list, print, export", async (t) => {
  const cwd = await tempDir(t);
  const layout = await openLayout(join(cwd, "img"), { create: true });
  const run = { ...file("bin/run", "#!/bin/sh\n"), mode: 0o755, mtime: 0 };
  const tar = tarOf({ name: "bin/" }, run, file("index.html", "<p>hello"), linkEntry("link", "index.html"));
  await putImage(layout, [tar], { tag: "v1" });
  assert.equal(
    ok(await lading(["image", "ls", "oci:img:v1"], { cwd })),
    "/bin/\n/bin/run\n/index.html\n/link\n",
  );
  assert.match(
    ok(await lading(["image", "ls", "-l", "oci:img:v1", "bin"], { cwd })),
    /^-rwxr-xr-x {2}0:0 {2}10 {2}\/bin\/run\n$/,
  );
  assert.equal(ok(await lading(["image", "cat", "oci:img:v1", "link"], { cwd })), "<p>hello");
  const cat = json(await lading(["image", "cat", "oci:img:v1", "link", "--json"], { cwd }));
  assert.equal(Buffer.from(String(cat["base64"]), "base64").toString(), "<p>hello");
  const exported = ok(await lading(["image", "export", "oci:img:v1"], { cwd }));
  assert.ok(exported.includes("<p>hello"));
  ok(await lading(["image", "export", "oci:img:v1", "-o", "files.tar"], { cwd }));
  assert.equal(await readFile(join(cwd, "files.tar"), "latin1"), exported);
  assert.equal((await lading(["image", "export", "oci:img:v1", "--json"], { cwd })).code, 2);
});

test("exclusions replace the default", async (t) => {
  const cwd = await site(t);
  ok(await lading(["push", "-i", "oci:img:v1", "-f", "site", "--file-exclusion", "bin,nothing"], { cwd }));
  assert.equal(
    ok(await lading(["image", "ls", "oci:img:v1"], { cwd })),
    "/.git/\n/.git/config\n/index.html\n",
  );
});

test("layouts are verified and cleaned up", async (t) => {
  const cwd = await site(t);
  ok(await lading(["push", "-i", "oci:img:v1", "-f", "site"], { cwd }));
  assert.match(
    ok(await lading(["layout", "verify", "img"], { cwd })),
    /^3 checked \(.*\), 0 wrong, 0 absent\n$/,
  );
  await writeFile(join(cwd, "img/blobs/sha256", "0".repeat(64)), "unused");
  const planned = ok(await lading(["layout", "gc", "img", "--grace", "0s", "--plan"], { cwd }));
  assert.match(planned, /^would remove blob sha256:0{64} \(6 B\)\nwould remove 1 blob \(6 B\), kept 3\n$/);
  assert.match(ok(await lading(["layout", "gc", "img"], { cwd })), /left 1 that is younger/);
  assert.match(
    ok(await lading(["layout", "gc", "img", "--grace=0s"], { cwd })),
    /^removed blob sha256:0{64}/,
  );
  const seen = json(await lading(["image", "inspect", "oci:img:v1", "--json"], { cwd }));
  const [layer] = seen["layers"] as { digest: string }[];
  await writeFile(join(cwd, "img/blobs", String(layer?.digest).replace(":", "/")), "damaged");
  const wrong = await lading(["layout", "verify", "img"], { cwd });
  assert.equal(wrong.code, 5);
  assert.match(wrong.stdout, new RegExp(`^wrong blob ${layer?.digest}: .*\n {2}needed by sha256:`));
  assert.equal(
    json({ ...(await lading(["layout", "verify", "img", "--json"], { cwd })), code: 0 })["checked"],
    2,
  );
});

test("version", async () => {
  assert.match(ok(await lading(["version"])), /^lading version \d+\.\d+\.\d+\n$/);
  assert.deepEqual(ok(await lading(["-v"])), ok(await lading(["version"])));
  assert.equal(json(await lading(["version", "--json"]))["node"], process.version);
});
