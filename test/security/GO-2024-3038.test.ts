import assert from "node:assert/strict";
import test from "node:test";
import { createRegistryClient } from "../../src/stores/registry/client.ts";
import { bytesOf, rejectsWith } from "../stores/contract.ts";
import { image } from "../support/content.ts";
import { startOrigin } from "../support/hostile-origin.ts";

/** regclient took any manifest for a reference with a digest, as long as it fit the header of the answer. */
test("GO-2024-3038: the manifest has the digest that was asked for, or is an error", async (t) => {
  const wanted = image({ seed: 1 });
  const given = image({ seed: 2 });
  const bytes = given.nodes.at(-1)?.bytes;
  let header: string = given.root.digest;
  const origin = await startOrigin(t, (_request, response) => {
    response.writeHead(200, { "content-type": given.root.mediaType, "docker-content-digest": header });
    response.end(bytes);
  });
  const client = createRegistryClient({ retry: { attempts: 2, minDelayMs: 1, maxDelayMs: 2 } });
  t.after(() => client.close());
  const store = client.repository({ registry: origin.host, repository: "a/b" });
  for (header of [given.root.digest, wanted.root.digest]) {
    await rejectsWith("ERR_LADING_DIGEST_MISMATCH", store.resolve(wanted.root.digest));
    await rejectsWith(
      "ERR_LADING_DIGEST_MISMATCH",
      bytesOf(store, { kind: "manifest", descriptor: wanted.root }),
    );
  }
  // By tag the header is all there is to compare with: it must not lie.
  await rejectsWith("ERR_LADING_DIGEST_MISMATCH", store.resolve("v1"));
  header = given.root.digest;
  assert.equal((await store.resolve("v1")).digest, given.root.digest);
});
