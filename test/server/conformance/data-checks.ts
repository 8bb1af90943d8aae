import assert from "node:assert/strict";
import type { Check } from "./check.ts";
import type { Client } from "./client.ts";
import { type DataSet, type ManifestData, types } from "./data.ts";
import { pushBlob, pushManifest, uploadModes } from "./push.ts";

/** Everything that is done with one data set: push, list, HEAD, GET, referrers, filter, delete. */
export function dataChecks(set: DataSet, algorithm: string): readonly Check[] {
  const repository = `data/${algorithm}/${set.name.replace(/[^a-z0-9]+/gi, "-").toLowerCase()}`;
  const state: { pushed: boolean; refused: boolean } = { pushed: false, refused: false };
  const step = (what: string, run: (client: Client) => Promise<void>): Check => ({
    name: `${algorithm}: ${set.name}: ${what}`,
    api: "data",
    run: async (client) => {
      if (state.refused) return;
      if (!state.pushed && what !== "push") assert.fail("it was not pushed");
      await run(client.beside(repository));
    },
  });
  return [
    step("push", async (client) => {
      for (const [i, blob] of set.blobs.entries()) {
        const mode = uploadModes[i % uploadModes.length] ?? "patch";
        await pushBlob(client, blob, blob.bytes.byteLength < 3 ? "post-put" : mode);
      }
      for (const manifest of set.manifests) {
        if (set.mayRefuse) {
          const answer = await client.send("PUT", `manifests/${manifest.digest}`, {
            headers: { "content-type": manifest.mediaType },
            body: manifest.bytes,
          });
          if (answer.status >= 400 && answer.status < 500) {
            state.refused = true;
            return;
          }
        }
        await pushManifest(client, manifest);
      }
      state.pushed = true;
    }),
    step("tags are listed", async (client) => {
      const tags = set.manifests.flatMap(({ tag }) => tag ?? []).sort();
      const answer = await client.send("GET", "tags/list");
      if (tags.length === 0 && answer.status === 404) return;
      assert.equal(answer.status, 200);
      assert.deepEqual((JSON.parse(answer.body.toString()) as { tags: string[] }).tags, tags);
    }),
    step("blobs are read back", async (client) => {
      for (const { digest, bytes } of set.blobs) {
        const head = await client.expect(200, "HEAD", `blobs/${digest}`);
        assert.equal(head.headers["content-length"], String(bytes.byteLength));
        const read = await client.expect(200, "GET", `blobs/${digest}`);
        assert.ok(read.body.equals(bytes), "the bytes are the same");
      }
    }),
    {
      ...step("blobs come with their digest", async (client) => {
        for (const { digest } of set.blobs) {
          for (const method of ["HEAD", "GET"]) {
            const answer = await client.expect(200, method, `blobs/${digest}`);
            assert.equal(answer.headers["docker-content-digest"], digest);
          }
        }
      }),
      dev: true,
    },
    ...(["HEAD", "GET"] as const).map((method) =>
      step(`${method} of manifests`, async (client) => {
        for (const manifest of set.manifests) {
          const names = [manifest.digest, ...(manifest.tag === undefined ? [] : [manifest.tag])];
          for (const name of names) await checkManifest(client, method, name, manifest);
        }
      }),
    ),
    step("referrers", async (client) => {
      for (const subject of new Set(set.manifests.flatMap((manifest) => manifest.subject ?? [])))
        await checkReferrers(client, subject, set.manifests, undefined);
      for (const { digest } of set.manifests) await checkReferrers(client, digest, set.manifests, undefined);
    }),
    step("referrers of one artifact type", async (client) => {
      for (const { subject, artifactType } of set.manifests) {
        if (subject === undefined || artifactType === undefined) continue;
        await checkReferrers(client, subject, set.manifests, artifactType);
      }
    }),
    step("delete tags", async (client) => {
      for (const { tag, digest } of set.manifests) {
        if (tag === undefined) continue;
        await client.expect(202, "DELETE", `manifests/${tag}`);
        await client.expect(404, "GET", `manifests/${tag}`);
        await client.expect(200, "HEAD", `manifests/${digest}`, {
          headers: { accept: Object.values(types).join(", ") },
        });
      }
    }),
    step("delete manifests", async (client) => {
      const digests = [...new Set(set.manifests.map(({ digest }) => digest))].reverse();
      for (const [i, digest] of digests.entries()) {
        await client.expect(202, "DELETE", `manifests/${digest}`);
        await client.expect(404, "GET", `manifests/${digest}`);
        const left = set.manifests.filter((manifest) => !digests.slice(0, i + 1).includes(manifest.digest));
        for (const { subject } of set.manifests)
          if (subject !== undefined) await checkReferrers(client, subject, left, undefined);
      }
    }),
    step("delete blobs", async (client) => {
      for (const { digest } of set.blobs) {
        await client.expect(202, "DELETE", `blobs/${digest}`);
        await client.expect(404, "HEAD", `blobs/${digest}`);
      }
    }),
  ];
}

async function checkManifest(
  client: Client,
  method: "HEAD" | "GET",
  name: string,
  manifest: ManifestData,
): Promise<void> {
  const headers = { accept: [...new Set([manifest.mediaType, ...Object.values(types)])].join(", ") };
  const answer = await client.expect(200, method, `manifests/${name}`, { headers });
  assert.equal(answer.headers["content-type"], manifest.mediaType);
  assert.equal(answer.headers["content-length"], String(manifest.bytes.byteLength));
  assert.equal(answer.headers["docker-content-digest"], manifest.digest);
  if (method === "GET") assert.ok(answer.body.equals(manifest.bytes), "the bytes are the same");
  else assert.equal(answer.body.byteLength, 0);
}

async function checkReferrers(
  client: Client,
  subject: string,
  manifests: readonly ManifestData[],
  artifactType: string | undefined,
): Promise<void> {
  const query = artifactType === undefined ? "" : `?artifactType=${encodeURIComponent(artifactType)}`;
  const answer = await client.expect(200, "GET", `referrers/${subject}${query}`);
  assert.equal(answer.headers["content-type"], types.index);
  const filtered = answer.headers["oci-filters-applied"] !== undefined;
  if (artifactType !== undefined && filtered)
    assert.equal(answer.headers["oci-filters-applied"], "artifactType");
  const index = JSON.parse(answer.body.toString()) as {
    schemaVersion: number;
    mediaType: string;
    manifests: Record<string, unknown>[];
  };
  assert.equal(index.schemaVersion, 2);
  assert.equal(index.mediaType, types.index);
  const wanted = manifests.filter(
    (manifest) =>
      manifest.subject === subject &&
      (!filtered || artifactType === undefined || manifest.artifactType === artifactType),
  );
  const expected = new Map(
    wanted.map((manifest) => [
      manifest.digest as string,
      {
        mediaType: manifest.mediaType,
        digest: manifest.digest,
        size: manifest.bytes.byteLength,
        ...(manifest.annotations === undefined ? {} : { annotations: manifest.annotations }),
        ...(manifest.artifactType === undefined ? {} : { artifactType: manifest.artifactType }),
      },
    ]),
  );
  const actual = new Map(index.manifests.map((entry) => [entry["digest"] as string, entry]));
  assert.equal(actual.size, index.manifests.length, "no referrer is listed twice");
  assert.deepEqual(actual, expected);
}
