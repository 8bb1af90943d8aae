import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { promisify } from "node:util";
import { htpasswd } from "../../src/server/auth/passwords.ts";
import { diskRepositories } from "../../src/server/repositories/disk.ts";
import { needs } from "../support/peers.ts";
import { startRegistry } from "../support/registry.ts";
import { sampleBytes } from "../support/sample-bytes.ts";
import { tempDir } from "../support/tmp.ts";

const run = promisify(execFile);
const users = "user:$2y$05$SLBP14y86WDb8H37T.pe0ulvB68hH/be8/ODr.s306zBwTTcVbnwe";

for (const tokens of [false, true]) {
  const how = tokens ? "tokens" : "a password";
  test(`skopeo and umoci, with ${how}`, needs("skopeo", "umoci"), async (t) => {
    const dir = await tempDir(t);
    const data = join(dir, "data");
    const { host } = await startRegistry(t, {
      repositories: diskRepositories(data),
      passwords: htpasswd(users),
      ...(tokens ? { tokens: {} } : {}),
    });
    const auth = ["--authfile", join(dir, "auth.json")];
    const tls = ["--tls-verify=false"];
    const both = ["--src-tls-verify=false", "--dest-tls-verify=false"];
    const layout = join(dir, "layout");
    await run("umoci", ["init", "--layout", layout]);
    await run("umoci", ["new", "--image", `${layout}:v1`]);
    await writeFile(join(dir, "file"), sampleBytes(300_000));
    await run("umoci", ["insert", "--image", `${layout}:v1`, join(dir, "file"), "/file"]);
    const image = `docker://${host}/team/app`;
    await assert.rejects(run("skopeo", ["copy", ...auth, ...both, `oci:${layout}:v1`, `${image}:v1`]));
    await assert.rejects(run("skopeo", ["login", ...auth, ...tls, "-u", "user", "-p", "wrong", host]));
    await run("skopeo", ["login", ...auth, ...tls, "-u", "user", "-p", "pass word", host]);
    await run("skopeo", ["copy", ...auth, ...both, `oci:${layout}:v1`, `${image}:v1`]);
    await run("skopeo", ["copy", ...auth, ...both, `${image}:v1`, `docker://${host}/other/app:v2`]);
    const { stdout } = await run("skopeo", ["list-tags", ...auth, ...tls, image]);
    assert.deepEqual(JSON.parse(stdout).Tags, ["v1"]);
    const raw = async (place: string) =>
      (await run("skopeo", ["inspect", "--raw", ...auth, ...tls, place])).stdout;
    const manifest = await raw(`${image}:v1`);
    assert.equal(await raw(`docker://${host}/other/app:v2`), manifest);
    // The registry's folder is a layout like any other.
    const stored = join(data, "other/app/_layout");
    assert.equal((await run("skopeo", ["inspect", "--raw", `oci:${stored}:v2`])).stdout, manifest);
    await run("umoci", ["unpack", "--rootless", "--image", `${stored}:v2`, join(dir, "bundle")]);
    await run("skopeo", ["delete", ...auth, ...tls, `${image}:v1`]);
    await assert.rejects(raw(`${image}:v1`));
  });
}
