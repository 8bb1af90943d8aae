import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { promisify } from "node:util";
import { plainPasswords } from "../../src/server/auth/passwords.ts";
import { diskRepositories } from "../../src/server/repositories/disk.ts";
import { openLayout } from "../../src/stores/layout/open.ts";
import { needs } from "../support/peers.ts";
import { startRegistry } from "../support/registry.ts";
import { sampleBytes } from "../support/sample-bytes.ts";
import { tempDir } from "../support/tmp.ts";

const run = promisify(execFile);

test(
  "buildah pushes images and lists with a login by token, and pulls them again",
  needs("buildah"),
  async (t) => {
    const dir = await tempDir(t);
    const data = join(dir, "data");
    const { host } = await startRegistry(t, {
      repositories: diskRepositories(data),
      passwords: plainPasswords({ jane: "secret" }),
      tokens: {},
    });
    const storage = ["--root", join(dir, "root"), "--runroot", join(dir, "run"), "--storage-driver", "vfs"];
    const buildah = async (...args: string[]) => (await run("buildah", [...storage, ...args])).stdout.trim();
    const access = ["--tls-verify=false", "--authfile", join(dir, "auth.json")];
    await assert.rejects(buildah("login", ...access, "-u", "jane", "-p", "wrong", host));
    await buildah("login", ...access, "-u", "jane", "-p", "secret", host);
    await writeFile(join(dir, "file"), sampleBytes(300_000));
    const container = await buildah("from", "scratch");
    await buildah("copy", container, join(dir, "file"), "/file");
    const id = await buildah("commit", "--quiet", container);
    await buildah("push", ...access, "--format", "oci", id, `docker://${host}/team/app:oci`);
    await buildah("push", ...access, "--format", "v2s2", id, `docker://${host}/team/app:docker`);
    await buildah("manifest", "create", "both");
    await buildah("manifest", "add", ...access, "both", `docker://${host}/team/app:oci`);
    await buildah("manifest", "push", ...access, "--all", "both", `docker://${host}/team/app:list`);
    const layout = await openLayout(join(data, "team/app/_layout"));
    const types: Record<string, string> = {};
    for await (const tag of layout.tags()) types[tag] = (await layout.resolve(tag)).mediaType;
    assert.deepEqual(types, {
      docker: "application/vnd.docker.distribution.manifest.v2+json",
      list: "application/vnd.oci.image.index.v1+json",
      oci: "application/vnd.oci.image.manifest.v1+json",
    });
    const report = await layout.verify();
    assert.deepEqual([report.wrong, report.missing, report.orphaned], [[], [], []]);
    await buildah("rm", container);
    await buildah("rmi", "--all", "--force");
    const again = await buildah("from", ...access, `docker://${host}/team/app:oci`);
    const root = await buildah("mount", again);
    assert.ok((await readFile(join(root, "file"))).equals(sampleBytes(300_000)));
    await buildah("umount", again);
  },
);
