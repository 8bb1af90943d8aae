import assert from "node:assert/strict";
import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { digestOf } from "../../src/bytes/hash.ts";
import type { LogEntry } from "../../src/server/log.ts";
import { diskRepositories } from "../../src/server/repositories/disk.ts";
import { openLayout } from "../../src/stores/layout/open.ts";
import { http, type Reply } from "../support/http.ts";
import { startRegistry } from "../support/registry.ts";
import { noiseBytes } from "../support/sample-bytes.ts";
import { needsSmallDisk, smallDisk } from "../support/small-disk.ts";
import { pushBlob, pushImage } from "./support.ts";

/** Takes all space that is left. */
function fill(path: string): void {
  for (let size = 1024 * 1024; size >= 1; size = Math.floor(size / 4)) {
    try {
      for (;;) writeFileSync(path, Buffer.alloc(size, 1), { flag: "a" });
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, "ENOSPC");
    }
  }
}

function assertFull(reply: Reply, folder: string): void {
  assert.equal(reply.status, 507, reply.text);
  const [error] = JSON.parse(reply.text).errors;
  assert.deepEqual([error.code, error.message], ["UNAVAILABLE", "the registry's disk is full"]);
  assert.ok(!reply.text.includes(folder), "paths of the server are not the client's business");
}

test(
  "a full disk: 507, nothing half-visible, and all is well once there is space",
  needsSmallDisk,
  async (t) => {
    const folder = await smallDisk(t, 4);
    const log: LogEntry[] = [];
    const repositories = diskRepositories(join(folder, "data"));
    const { url, server } = await startRegistry(t, { repositories, log: (entry) => log.push(entry) });
    t.after(() => server.close({ graceMs: 0 }));
    const kept = await pushImage(url, "app", "v1", noiseBytes(100_000));
    const big = noiseBytes(6_000_000, 2);
    const digest = digestOf(big);
    const absent = async () =>
      assert.equal((await http("HEAD", `${url}/v2/app/blobs/${digest}`)).status, 404);

    // In one request: the space is free again at once, since nobody can go on with it.
    assertFull(await http("POST", `${url}/v2/app/blobs/uploads/?digest=${digest}`, { body: big }), folder);
    await absent();
    assert.deepEqual(readdirSync(join(folder, "data/app/_layout/.uploads")), []);

    // Within a session: it stands where all was well, and can be gone on with.
    const start = await http("POST", `${url}/v2/app/blobs/uploads/`);
    const first = await http("PATCH", `${url}${start.headers["location"]}`, {
      body: big.subarray(0, 2_000_000),
    });
    assert.equal(first.status, 202, first.text);
    assertFull(
      await http("PATCH", `${url}${first.headers["location"]}`, { body: big.subarray(2_000_000) }),
      folder,
    );
    await absent();
    const path = String(start.headers["location"]).split("?")[0];
    const state = await http("GET", `${url}${path}`);
    assert.equal(state.headers["range"], "0-1999999");
    const other = digestOf(big.subarray(0, 2_500_000));
    const end = await http("PUT", `${url}${state.headers["location"]}&digest=${other}`, {
      body: big.subarray(2_000_000, 2_500_000),
    });
    assert.equal(end.status, 201, end.text);
    assert.equal((await http("GET", `${url}/v2/app/blobs/${other}`)).status, 200);

    // Not even a manifest, a tag, a session or a new repository fits in.
    const filler = join(folder, "filler");
    fill(filler);
    const manifest = (await http("GET", `${url}/v2/app/manifests/v1`)).text.replace("{", "{ ");
    const headers = { "content-type": "application/vnd.oci.image.manifest.v1+json" };
    assertFull(await http("PUT", `${url}/v2/app/manifests/v2`, { headers, body: manifest }), folder);
    assertFull(
      await http("POST", `${url}/v2/fresh/blobs/uploads/?digest=${digestOf("x")}`, { body: "x" }),
      folder,
    );
    assert.equal((await http("GET", `${url}/v2/app/manifests/v2`)).status, 404);
    assert.deepEqual(JSON.parse((await http("GET", `${url}/v2/app/tags/list`)).text).tags, ["v1"]);
    // Reading needs no space.
    assert.equal((await http("HEAD", `${url}/v2/app/manifests/v1`)).headers["docker-content-digest"], kept);

    rmSync(filler);
    const put = await http("PUT", `${url}/v2/app/manifests/v2`, { headers, body: manifest });
    assert.equal(put.status, 201, put.text);
    await pushImage(url, "app", "v3", noiseBytes(100_000, 3));
    await pushBlob(url, "fresh", "x");
    assert.deepEqual(JSON.parse((await http("GET", `${url}/v2/app/tags/list`)).text).tags, [
      "v1",
      "v2",
      "v3",
    ]);
    await server.close();
    const layout = await openLayout(join(folder, "data/app/_layout"));
    const report = await layout.verify();
    assert.deepEqual([report.wrong, report.missing, report.unexpected], [[], [], []]);
    assert.ok(existsSync(join(folder, "data/fresh/_layout/index.json")));
    assert.ok(log.some(({ level, message }) => level === "error" && /ENOSPC|no space/i.test(message)));
  },
);
