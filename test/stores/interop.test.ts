import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { childrenOf } from "../../src/spec/graph.ts";
import { createDockerArchive, createOciArchive } from "../../src/stores/archive/archive-writer.ts";
import { openArchive } from "../../src/stores/archive/open.ts";
import { openLayout } from "../../src/stores/layout/open.ts";
import { readManifest } from "../../src/stores/read.ts";
import type { Source } from "../../src/stores/store.ts";
import { everyKind, image, index, writeContent } from "../support/content.ts";
import { needs } from "../support/peers.ts";
import { tempDir } from "../support/tmp.ts";
import { bytesOf, tagsOf } from "./contract.ts";

/** Runs a peer; what it says is part of the failure. */
function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

const skopeo = (...args: string[]) => run("skopeo", "--insecure-policy", ...args);

/** Everything a store can reach from a name, read and checked. */
async function readAll(source: Source, reference: string): Promise<number> {
  let nodes = 0;
  const queue = [{ kind: "manifest" as "manifest" | "blob", descriptor: await source.resolve(reference) }];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    nodes++;
    if (next.kind === "blob") {
      assert.equal((await bytesOf(source, next)).length, next.descriptor.size);
      continue;
    }
    queue.push(
      ...childrenOf(await readManifest(source, next.descriptor)).filter(({ optional }) => !optional),
    );
  }
  return nodes;
}

test("skopeo reads our layouts, every kind of image", needs("skopeo"), async (t) => {
  const dir = await tempDir(t);
  const store = await openLayout(join(dir, "ours"), { create: true });
  const kinds = everyKind();
  // Not Docker's own types: skopeo looks in layouts only for OCI manifests and indexes.
  for (const kind of ["image", "index", "nested index", "foreign layer", "sha512", "artifact"] as const) {
    const name = kind.replaceAll(" ", "-");
    await writeContent(store, kinds[kind], name);
    const raw = skopeo("inspect", "--raw", `oci:${dir}/ours:${name}`);
    const root = kinds[kind].nodes.at(-1);
    assert.equal(raw, root?.bytes.toString());
  }
  skopeo("copy", "--all", "--preserve-digests", `oci:${dir}/ours:index`, `oci:${dir}/theirs:index`);
  const theirs = await openLayout(join(dir, "theirs"));
  assert.equal((await theirs.resolve("index")).digest, kinds.index.root.digest);
  assert.equal(await readAll(theirs, "index"), 9);
});

test("a layout with one multi-platform image is one image for skopeo", needs("skopeo"), async (t) => {
  const dir = await tempDir(t);
  const store = await openLayout(join(dir, "ours"), { create: true });
  const content = index([image({ seed: 1 }), image({ seed: 2 })]);
  await writeContent(store, content, "v1");
  assert.equal(skopeo("inspect", "--raw", `oci:${dir}/ours`), content.nodes.at(-1)?.bytes.toString());
});

test("we read what skopeo writes: layout, oci-archive, docker-archive", needs("skopeo"), async (t) => {
  const dir = await tempDir(t);
  const store = await openLayout(join(dir, "ours"), { create: true });
  const content = image({ compression: "none" });
  await writeContent(store, content, "v1");
  skopeo("copy", `oci:${dir}/ours:v1`, `oci:${dir}/theirs:v2`);
  assert.equal(await readAll(await openLayout(join(dir, "theirs")), "v2"), 4);
  skopeo("copy", `oci:${dir}/ours:v1`, `oci-archive:${dir}/theirs.tar:v3`);
  const oci = await openArchive(join(dir, "theirs.tar"));
  assert.deepEqual(await tagsOf(oci), ["v3"]);
  assert.equal(await readAll(oci, "v3"), 4);
  await oci[Symbol.asyncDispose]();
  skopeo("copy", `oci:${dir}/ours:v1`, `docker-archive:${dir}/docker.tar:example.com/app:1`);
  const docker = await openArchive(join(dir, "docker.tar"));
  assert.deepEqual(await tagsOf(docker), ["example.com/app:1"]);
  for (const name of ["example.com/app:1", ""]) assert.equal(await readAll(docker, name), 4);
  const manifest = await readManifest(docker, await docker.resolve(""));
  assert.equal(manifest.kind, "image");
  const layers = content.nodes.slice(0, 2).map(({ descriptor }) => descriptor.digest);
  assert.deepEqual(manifest.kind === "image" && manifest.layers.map(({ digest }) => digest), layers);
  await docker[Symbol.asyncDispose]();
});

/** skopeo unpacks an oci-archive with the owners that stand in it, which are root's. */
const asRoot = { skip: needs("skopeo").skip || (process.geteuid?.() !== 0 && "needs root") };

test("skopeo reads our archives", asRoot, async (t) => {
  const dir = await tempDir(t);
  const kinds = everyKind();
  const cases = {
    "example.com/gzip:1": kinds.image,
    "example.com/plain:1": kinds["image without compression"],
    "example.com/docker:1": kinds["docker image"],
    "example.com/index:1": kinds.index,
    "example.com/empty:1": kinds["image with an empty layer"],
    "example.com/sha512:1": kinds.sha512,
  };
  const oci = await createOciArchive(join(dir, "oci.tar"));
  const docker = await createDockerArchive(join(dir, "docker.tar"));
  for (const [name, content] of Object.entries(cases)) {
    await writeContent(oci, content, name);
    await writeContent(docker, content, name);
  }
  // Of a kind that docker has no place for: must not keep it from reading the rest.
  await writeContent(docker, kinds.artifact, "example.com/artifact:1");
  await writeContent(docker, kinds["foreign layer"], "example.com/foreign:1");
  await oci.commit();
  await docker.commit();
  for (const [name, content] of Object.entries(cases)) {
    if (content !== kinds["docker image"]) {
      const raw = skopeo("inspect", "--raw", `oci-archive:${dir}/oci.tar:${name}`);
      assert.equal(raw, content.nodes.at(-1)?.bytes.toString());
    }
    const to = `oci:${dir}/out:${name.replaceAll(/[/:]/g, "-")}`;
    skopeo("copy", `docker-archive:${dir}/docker.tar:${name}`, to);
    const { Env } = JSON.parse(skopeo("inspect", "--config", to)).config;
    const config = content.nodes.find(({ descriptor }) => /config|container/.test(descriptor.mediaType));
    assert.deepEqual(Env, JSON.parse(config?.bytes.toString() ?? "").config.Env);
  }
});

test("umoci reads our layouts and we read what it writes", needs("umoci"), async (t) => {
  const dir = await tempDir(t);
  const store = await openLayout(join(dir, "layout"), { create: true });
  const content = image();
  await writeContent(store, content, "v1");
  assert.equal(run("umoci", "ls", "--layout", join(dir, "layout")).trim(), "v1");
  run("umoci", "unpack", "--rootless", "--image", `${dir}/layout:v1`, join(dir, "bundle"));
  assert.equal(readFileSync(join(dir, "bundle/rootfs/srv/file-1-0")).length, 3000);
  writeFileSync(join(dir, "bundle/rootfs/srv/new"), "new");
  run("umoci", "repack", "--image", `${dir}/layout:v2`, join(dir, "bundle"));
  run("umoci", "config", "--image", `${dir}/layout:v2`, "--config.env", "NEW=1");
  assert.deepEqual(await tagsOf(store), ["v1", "v2"]);
  assert.equal(await readAll(store, "v2"), 5);
  assert.equal(await readAll(store, "v1"), 4);
  assert.equal(await store.untag("v2"), true);
  run("umoci", "gc", "--layout", join(dir, "layout"));
  assert.equal(await readAll(store, "v1"), 4);
});

test("umoci stats a multi-platform image's layout and keeps our names", needs("umoci"), async (t) => {
  const dir = join(await tempDir(t), "made");
  run("umoci", "init", "--layout", dir);
  run("umoci", "new", "--image", `${dir}:empty`);
  const store = await openLayout(dir, { create: true });
  await writeContent(store, image(), "v1");
  run("umoci", "tag", "--image", `${dir}:v1`, "v1-again");
  run("umoci", "rm", "--image", `${dir}:empty`);
  assert.deepEqual(await tagsOf(store), ["v1", "v1-again"]);
  assert.equal((await store.resolve("v1-again")).digest, image().root.digest);
});

test("we read what buildah pushes", needs("buildah"), async (t) => {
  const dir = await tempDir(t);
  const storage = ["--root", join(dir, "root"), "--runroot", join(dir, "run"), "--storage-driver", "vfs"];
  mkdirSync(join(dir, "context"));
  writeFileSync(join(dir, "context/hello"), "hello");
  const container = run("buildah", ...storage, "from", "scratch").trim();
  run("buildah", ...storage, "copy", container, join(dir, "context/hello"), "/hello");
  const id = run("buildah", ...storage, "commit", "--quiet", container).trim();
  for (const place of [`oci:${dir}/layout:v1`, `oci-archive:${dir}/oci.tar:v1`]) {
    run("buildah", ...storage, "push", id, place);
  }
  run("buildah", ...storage, "push", id, `docker-archive:${dir}/docker.tar:example.com/app:v1`);
  assert.equal(await readAll(await openLayout(join(dir, "layout")), "v1"), 3);
  for (const [file, name] of [
    ["oci.tar", "v1"],
    ["docker.tar", "example.com/app:v1"],
  ] as const) {
    const archive = await openArchive(join(dir, file));
    assert.equal(await readAll(archive, name), 3);
    await archive[Symbol.asyncDispose]();
  }
});
