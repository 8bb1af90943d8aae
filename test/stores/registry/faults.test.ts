import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { bodyOf } from "../../../src/bytes/body.ts";
import { isLadingError } from "../../../src/errors.ts";
import { createRegistryClient, type RegistryClientOptions } from "../../../src/stores/registry/client.ts";
import { blob, type Content, image, writeContent } from "../../support/content.ts";
import { startDockerRegistry } from "../../support/docker-registry.ts";
import { type Fault, type FaultAction, startFaultProxy } from "../../support/fault-proxy.ts";
import { needs } from "../../support/peers.ts";
import { bytesOf } from "../contract.ts";

const quick: RegistryClientOptions = { retry: { minDelayMs: 5, maxDelayMs: 20 } };

async function setup(t: TestContext) {
  const { host } = await startDockerRegistry(t);
  const proxy = await startFaultProxy(t, host);
  let count = 0;
  return {
    proxy,
    host,
    /** A client that knows nothing yet, over the proxy. */
    client: (options: RegistryClientOptions = {}) => {
      const client = createRegistryClient({ ...quick, ...options });
      t.after(() => client.close());
      return client;
    },
    fresh: () => ({ registry: proxy.host, repository: `some/place${++count}` }),
  };
}

const size = 3_000_000;
const big = blob(size, 5);

const healed: Readonly<Record<string, FaultAction>> = {
  "dropped at once": { kind: "drop-response", after: 0 },
  "dropped in the middle": { kind: "drop-response", after: 1_000_000 },
  "dropped before its last byte": { kind: "drop-response", after: size - 1 },
  "cut short with a good face": { kind: "truncate", bytes: 100_000 },
  "answered 500": { kind: "status", status: 500 },
  "answered 503 with seconds to wait": { kind: "status", status: 503, headers: { "retry-after": "0" } },
  "answered 429": { kind: "rate-limit", retryAfter: "0" },
  "answered 429 with a date": { kind: "rate-limit", retryAfter: new Date(0).toUTCString() },
  "answered with a web page": { kind: "html", status: 502 },
  "asked who is there": { kind: "unauthorized" },
  "sent to another origin": { kind: "redirect" },
};

test("downloads come whole through every fault", needs("docker-registry"), async (t) => {
  const { proxy, client, fresh } = await setup(t);
  const location = fresh();
  await client().repository(location).write(big, bodyOf(big.bytes));
  for (const [what, action] of Object.entries(healed)) {
    await t.test(what, async () => {
      proxy.script({ match: { method: "GET", path: /blobs/ }, action });
      assert.deepEqual(await bytesOf(client().repository(location), big), big.bytes);
      assert.ok(
        proxy.requests.some(({ fault }) => fault === action.kind),
        "the fault was met",
      );
    });
  }
  await t.test("a resume starts where the connection broke", async () => {
    proxy.script({ action: { kind: "drop-response", after: 2_000_000 } });
    assert.deepEqual(await bytesOf(client().repository(location), big), big.bytes);
    const [, second] = proxy.requests;
    const start = Number(/^bytes=([0-9]+)-$/.exec(String(second?.headers.range))?.[1]);
    assert.ok(start > 1_000_000 && start <= 2_000_000, `started again at ${start}`);
  });
  await t.test("a resume that gets the whole again skips what it has", async () => {
    proxy.script(
      { action: { kind: "drop-response", after: 2_000_000 } },
      { action: { kind: "ignore-range" } },
    );
    assert.deepEqual(await bytesOf(client().repository(location), big), big.bytes);
  });
  await t.test("more bytes than there are is an error at once", async () => {
    proxy.script({ times: 9, action: { kind: "extra-bytes" } });
    await assert.rejects(bytesOf(client().repository(location), big), { code: "ERR_LADING_SIZE_MISMATCH" });
    assert.equal(proxy.requests.length, 1);
  });
  await t.test("a fault that stays ends with its code", async () => {
    const codes: Readonly<Record<string, FaultAction>> = {
      ERR_LADING_REGISTRY: { kind: "html", status: 503 },
      ERR_LADING_RATE_LIMITED: { kind: "rate-limit", retryAfter: "0" },
      ERR_LADING_NETWORK: { kind: "drop-response", after: 0 },
      ERR_LADING_DENIED: { kind: "status", status: 403 },
      ERR_LADING_NOT_FOUND: { kind: "status", status: 404 },
    };
    for (const [code, action] of Object.entries(codes)) {
      proxy.script({ times: 99, action });
      await assert.rejects(bytesOf(client().repository(location), big), { code });
    }
  });
});

const uploadFaults: Readonly<Record<string, readonly Fault[]>> = {
  "the PUT breaks in the middle": [
    { match: { method: "PUT" }, action: { kind: "drop-request", after: 1_500_000 } },
  ],
  "the PUT breaks twice": [
    { times: 2, match: { method: "PUT" }, action: { kind: "drop-request", after: 500_000 } },
  ],
  "the answer to the PUT is lost": [{ match: { method: "PUT" }, action: { kind: "lose-response" } }],
  "the PUT is refused for its size": [{ match: { method: "PUT" }, action: { kind: "status", status: 413 } }],
  "the PUT gets 500": [{ match: { method: "PUT" }, action: { kind: "status", status: 500 } }],
  "the PUT gets 429": [{ match: { method: "PUT" }, action: { kind: "rate-limit", retryAfter: "0" } }],
  "the PUT gets 401": [{ match: { method: "PUT" }, action: { kind: "unauthorized" } }],
  "the session expires": [{ match: { method: "PUT" }, action: { kind: "expire-session" } }],
  "the POST is lost": [{ match: { method: "POST" }, action: { kind: "lose-response" } }],
  "the POST gets a web page": [{ match: { method: "POST" }, action: { kind: "html", status: 502 } }],
  "locations rotate": [{ match: { method: "POST" }, action: { kind: "rotate-locations" } }],
  "in chunks, one of which breaks": [
    { match: { method: "PUT" }, action: { kind: "status", status: 413 } },
    { match: { method: "PATCH" }, action: { kind: "drop-request", after: 1_000_000 } },
  ],
  "in chunks of rotating locations": [
    { match: { method: "POST" }, action: { kind: "rotate-locations" } },
    { match: { method: "PUT" }, action: { kind: "status", status: 413 } },
    { match: { method: "PATCH" }, action: { kind: "status", status: 413 } },
  ],
  "in chunks, the session expires": [
    { match: { method: "PUT" }, action: { kind: "status", status: 413 } },
    { match: { method: "PATCH" }, action: { kind: "expire-session" } },
  ],
};

test("uploads go in whole through every fault", needs("docker-registry"), async (t) => {
  const { proxy, host, client, fresh } = await setup(t);
  const reader = client();
  for (const [what, faults] of Object.entries(uploadFaults)) {
    await t.test(what, async () => {
      const location = fresh();
      proxy.script(...faults);
      let reported = 0;
      let offset = 0;
      const how = await client()
        .repository(location)
        .write(big, bodyOf(big.bytes), {
          on: (event) => {
            if (event.type === "started" || event.type === "restarted") offset = event.offset;
            if (event.type === "started" || event.type === "restarted") reported = event.offset;
            if (event.type === "progress") reported += event.bytes;
          },
        });
      assert.equal(how, "written");
      assert.ok(offset <= size && reported <= size);
      for (const { action } of faults) {
        assert.ok(
          proxy.requests.some(({ fault }) => fault === action.kind),
          `${action.kind} was met`,
        );
      }
      const direct = reader.repository({ registry: host, repository: location.repository });
      assert.deepEqual(await bytesOf(direct, big), big.bytes);
    });
  }
});

test(
  "an upload to a place that breaks for good tells so and leaves nothing",
  needs("docker-registry"),
  async (t) => {
    const { proxy, client, fresh } = await setup(t);
    const location = fresh();
    proxy.script({ times: 99, match: { method: "PUT" }, action: { kind: "drop-request", after: 1000 } });
    await assert.rejects(client().repository(location).write(big, bodyOf(big.bytes)), {
      code: "ERR_LADING_NETWORK",
    });
    proxy.script();
    assert.equal(await client().repository(location).has(big), false);
  },
);

test("manifests are right or an error through every fault", needs("docker-registry"), async (t) => {
  const { proxy, client, fresh } = await setup(t);
  const content: Content = image();
  const location = fresh();
  await writeContent(client().repository(location), content, "v1");
  const root = content.nodes.at(-1);
  assert.ok(root);
  const faults: Readonly<Record<string, FaultAction>> = {
    ...healed,
    "dropped in the middle": { kind: "drop-response", after: 100 },
    "wrong on the way": { kind: "wrong-bytes" },
  };
  for (const [what, action] of Object.entries(faults)) {
    await t.test(what, async () => {
      proxy.script({ match: { path: /manifests/ }, action });
      const store = client().repository(location);
      const found = await store.resolve("v1");
      assert.equal(found.digest, content.root.digest);
      assert.deepEqual(await bytesOf(store, root), root.bytes);
      assert.ok(
        proxy.requests.some(({ fault }) => fault === action.kind),
        "the fault was met",
      );
    });
  }
  await t.test("wrong for good", async () => {
    proxy.script({ times: 99, action: { kind: "wrong-bytes" } });
    await assert.rejects(client().repository(location).resolve("v1"), (error) => {
      assert.ok(isLadingError(error));
      assert.equal(error.code, "ERR_LADING_DIGEST_MISMATCH");
      assert.equal(error.place, `${location.registry}/${location.repository}`);
      return true;
    });
  });
});
