import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { promisify } from "node:util";
import { copy } from "../../src/copy/copy.ts";
import { diskRepositories } from "../../src/server/repositories/disk.ts";
import { createDockerArchive, createOciArchive } from "../../src/stores/archive/archive-writer.ts";
import { openLayout } from "../../src/stores/layout/open.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { createRegistryClient } from "../../src/stores/registry/client.ts";
import { type ContentKind, everyKind, writeContent } from "../support/content.ts";
import { startDockerRegistry } from "../support/docker-registry.ts";
import { needs } from "../support/peers.ts";
import { startRegistry } from "../support/registry.ts";
import { assertHolds, assertNamed } from "../support/same-content.ts";
import { tempDir } from "../support/tmp.ts";

/** Without blocking: the registry may be in this process. */
async function run(program: string, ...args: string[]): Promise<string> {
  return (await promisify(execFile)(program, args)).stdout;
}

const skopeo = (...args: string[]) => run("skopeo", "--insecure-policy", ...args);
const noTls = "--tls-verify=false";

const registries = {
  registry: {
    programs: [],
    start: async (t: TestContext) =>
      (await startRegistry(t, { repositories: diskRepositories(await tempDir(t)) })).host,
  },
  "docker-registry": {
    programs: ["docker-registry"],
    start: async (t: TestContext) => (await startDockerRegistry(t)).host,
  },
} as const;

const kinds = everyKind(500);
/** Kinds that skopeo 1.9 takes for images. */
const images: readonly ContentKind[] = ["image", "index", "docker image", "docker manifest list"];
const nameOf = (kind: string): string => kind.replaceAll(" ", "-");

function repositoryOf(t: TestContext, host: string) {
  const client = createRegistryClient();
  t.after(() => client.close());
  return client.repository({ registry: host, repository: "interop/app" });
}

for (const [name, { programs, start }] of Object.entries(registries)) {
  test(`skopeo reads what we copy into ${name}`, needs("skopeo", ...programs), async (t) => {
    const host = await start(t);
    const from = new MemoryStore();
    for (const kind of images) await writeContent(from, kinds[kind], nameOf(kind));
    const to = repositoryOf(t, host);
    await copy(images.map((kind) => ({ from, reference: nameOf(kind), to, tags: [nameOf(kind)] })));
    const place = `docker://${host}/interop/app`;
    const folder = await tempDir(t);
    for (const kind of images) {
      const raw = await skopeo("inspect", noTls, "--raw", `${place}:${nameOf(kind)}`);
      assert.equal(raw, kinds[kind].nodes.at(-1)?.bytes.toString());
    }
    for (const kind of ["image", "index"] as const) {
      const layout = `oci:${folder}/layout:${kind}`;
      await skopeo(
        "copy",
        "--src-tls-verify=false",
        "--all",
        "--preserve-digests",
        `${place}:${kind}`,
        layout,
      );
      await assertHolds(await openLayout(join(folder, "layout")), kinds[kind]);
    }
    const { Tags } = JSON.parse(await skopeo("list-tags", noTls, place));
    assert.deepEqual([...Tags].sort(), images.map(nameOf).sort());
  });

  test(
    `we copy what skopeo pushes into ${name}, and umoci unpacks it`,
    needs("skopeo", "umoci", ...programs),
    async (t) => {
      const host = await start(t);
      const folder = await tempDir(t);
      const seed = await openLayout(join(folder, "seed"), { create: true });
      for (const kind of ["image", "index"] as const) {
        await writeContent(seed, kinds[kind], kind);
        const place = `docker://${host}/interop/app:${kind}`;
        await skopeo("copy", "--dest-tls-verify=false", "--all", `oci:${folder}/seed:${kind}`, place);
      }
      const from = repositoryOf(t, host);
      const to = await openLayout(join(folder, "copied"), { create: true });
      await copy(["image", "index"].map((kind) => ({ from, reference: kind, to, tags: [kind] })));
      for (const kind of ["image", "index"] as const) await assertNamed(to, kind, kinds[kind]);
      await run("umoci", "unpack", "--rootless", "--image", `${folder}/copied:image`, join(folder, "bundle"));
      assert.equal((await readFile(join(folder, "bundle/rootfs/srv/file-500-0"))).byteLength, 3000);
    },
  );

  test(
    `we copy what buildah pushes into ${name} into archives that skopeo reads`,
    needs("buildah", "skopeo", ...programs),
    async (t) => {
      const host = await start(t);
      const folder = await tempDir(t);
      const storage = [
        "--root",
        join(folder, "root"),
        "--runroot",
        join(folder, "run"),
        "--storage-driver",
        "vfs",
      ];
      const buildah = (...args: string[]) => run("buildah", ...storage, ...args);
      await mkdir(join(folder, "context"));
      await writeFile(join(folder, "context/hello"), "hello");
      const container = (await buildah("from", "scratch")).trim();
      await buildah("copy", container, join(folder, "context/hello"), "/hello");
      const id = (await buildah("commit", "--quiet", container)).trim();
      await buildah("push", noTls, id, `docker://${host}/interop/app:built`);
      const from = repositoryOf(t, host);
      const oci = await createOciArchive(join(folder, "oci.tar"));
      const docker = await createDockerArchive(join(folder, "docker.tar"));
      const result = await copy([
        { from, reference: "built", to: oci, tags: ["built"] },
        { from, reference: "built", to: docker, tags: ["example.com/app:built"] },
      ]);
      const raw = await skopeo("inspect", "--raw", `oci-archive:${folder}/oci.tar:built`);
      assert.equal(Buffer.byteLength(raw), result.images[0]?.root.size);
      const config = JSON.parse(
        await skopeo("inspect", "--config", `docker-archive:${folder}/docker.tar:example.com/app:built`),
      );
      assert.equal(config.rootfs.diff_ids.length, 1);
    },
  );
}
