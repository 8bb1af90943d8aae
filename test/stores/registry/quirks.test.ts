import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import test, { type TestContext } from "node:test";
import { bodyOf } from "../../../src/bytes/body.ts";
import { createRegistryClient } from "../../../src/stores/registry/client.ts";
import { blob } from "../../support/content.ts";
import { startOrigin } from "../../support/hostile-origin.ts";

interface Manners {
  readonly patchStatus?: number;
  readonly location?: (host: string, serial: number) => string;
  readonly minimumChunk?: string;
  /** Only PATCH, as some versions of Artifactory. */
  readonly refusePut?: number;
  /** Keeps only this much of every PATCH, and says so. */
  readonly keepOfPatch?: number;
  /** Requests without the cookie of the first answer go to a server that does not know the session. */
  readonly affinity?: boolean;
  /** Says after every PATCH that it has no more than the first time. */
  readonly forgets?: boolean;
}

/** A registry for one upload with manners of its own. */
async function oddRegistry(t: TestContext, manners: Manners) {
  let stored = Buffer.alloc(0);
  let serial = 0;
  let finished: string | undefined;
  const patches: number[] = [];
  const answer = (response: ServerResponse, host: string, status: number): void => {
    const location = manners.location?.(host, ++serial) ?? `/v2/a/blobs/uploads/session?serial=${++serial}`;
    response.writeHead(status, {
      location,
      ...(stored.length > 0 ? { range: `0-${stored.length - 1}` } : {}),
      ...(manners.minimumChunk === undefined ? {} : { "oci-chunk-min-length": manners.minimumChunk }),
      ...(manners.affinity === true ? { "set-cookie": ["server=one; Path=/", "other=2"] } : {}),
    });
    response.end();
  };
  const read = async (request: IncomingMessage): Promise<Buffer> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    return Buffer.concat(chunks);
  };
  const origin = await startOrigin(t, (request, response, url) => {
    void (async () => {
      const body = await read(request);
      const known = manners.affinity !== true || request.headers.cookie === "server=one; other=2";
      if (request.method === "HEAD") response.writeHead(404).end();
      else if (request.method === "POST") answer(response, origin.host, 202);
      else if (!known) response.writeHead(404).end();
      else if (request.method === "GET") answer(response, origin.host, 204);
      else if (request.method === "PATCH") {
        const [, start, end] = /^([0-9]+)-([0-9]+)$/.exec(String(request.headers["content-range"])) ?? [];
        if (manners.forgets !== true) assert.equal(Number(start), stored.length);
        assert.equal(Number(end) - Number(start) + 1, body.length);
        patches.push(body.length);
        const before = manners.forgets === true ? Buffer.alloc(0) : stored;
        stored = Buffer.concat([before, body.subarray(0, manners.keepOfPatch ?? body.length)]);
        answer(response, origin.host, manners.patchStatus ?? 202);
      } else if (manners.refusePut !== undefined && body.length > 0) {
        response.writeHead(manners.refusePut).end();
      } else {
        stored = Buffer.concat([stored, body]);
        finished = `sha256:${createHash("sha256").update(stored).digest("hex")}`;
        response.writeHead(finished === url.searchParams.get("digest") ? 201 : 400).end();
      }
    })();
  });
  const client = createRegistryClient({ retry: { minDelayMs: 1, maxDelayMs: 5 } });
  t.after(() => client.close());
  return {
    store: client.repository({ registry: origin.host, repository: "a" }),
    patches,
    finished: () => finished,
    requests: origin.requests,
  };
}

const size = 20 * 1024 * 1024;
const each = blob(size);

const worlds: Readonly<Record<string, { manners: Manners; patches?: number[] }>> = {
  "PATCH is answered 201 (ECR)": { manners: { refusePut: 405, patchStatus: 201 } },
  "PATCH is answered 204 (pulp)": { manners: { refusePut: 405, patchStatus: 204 } },
  "PUT with a body is not known (Artifactory)": { manners: { refusePut: 501 } },
  "a chunk has to have its length": {
    manners: { refusePut: 413, minimumChunk: String(16 * 1024 * 1024) },
    patches: [16 * 1024 * 1024, 4 * 1024 * 1024],
  },
  "a chunk is to be larger than everything": {
    manners: { refusePut: 413, minimumChunk: "999999999999999" },
    patches: [size],
  },
  "the minimum makes no sense": {
    manners: { refusePut: 413, minimumChunk: "-7" },
    patches: [8 * 1024 * 1024, 8 * 1024 * 1024, 4 * 1024 * 1024],
  },
  "only a part of each chunk is kept": { manners: { refusePut: 413, keepOfPatch: 5 * 1024 * 1024 } },
  "locations are absolute, with a query to keep": {
    manners: {
      location: (host, serial) => `http://${host}/v2/a/blobs/uploads/x?_state=a%2Fb%3D&s=${serial}`,
    },
  },
  "a session lives on one server behind many": { manners: { affinity: true, refusePut: 405 } },
};

for (const [what, { manners, patches }] of Object.entries(worlds)) {
  test(`uploads: ${what}`, async (t) => {
    const world = await oddRegistry(t, manners);
    assert.equal(await world.store.write(each, bodyOf(each.bytes)), "written");
    assert.equal(world.finished(), each.descriptor.digest);
    if (patches !== undefined) assert.deepEqual(world.patches, patches);
    const last = world.requests.at(-1)?.url ?? "";
    if (manners.location !== undefined)
      assert.match(last, /^\/v2\/a\/blobs\/uploads\/x\?_state=a%2Fb%3D&s=1&digest=sha256%3A/);
  });
}

test("uploads: a registry that keeps losing what it had is told so, in the end", async (t) => {
  const world = await oddRegistry(t, { refusePut: 405, keepOfPatch: 1000, forgets: true });
  await assert.rejects(world.store.write(each, bodyOf(each.bytes)), { code: "ERR_LADING_REGISTRY" });
  assert.ok(world.patches.length < 30, `${world.patches.length} patches`);
});

test("a session without a location is an error of the registry", async (t) => {
  const origin = await startOrigin(t, (request, response) => {
    response.writeHead(request.method === "HEAD" ? 404 : 202).end();
  });
  const client = createRegistryClient({ retry: { attempts: 1 } });
  t.after(() => client.close());
  const store = client.repository({ registry: origin.host, repository: "a" });
  await assert.rejects(store.write(each, bodyOf(each.bytes)), { code: "ERR_LADING_REGISTRY" });
});

test("a host that limits requests is left alone by everybody until then", async (t) => {
  let limited = 0;
  const started = Date.now();
  const origin = await startOrigin(t, (_request, response) => {
    if (origin.requests.length === 1) {
      limited = Date.now();
      response.writeHead(429, { "retry-after": "1" }).end("\n");
    } else response.writeHead(404).end();
  });
  const client = createRegistryClient({ concurrencyPerHost: 1 });
  t.after(() => client.close());
  const store = client.repository({ registry: origin.host, repository: "a" });
  const all = Array.from({ length: 4 }, (_, i) => store.has(blob(10, i)));
  assert.deepEqual(await Promise.all(all), [false, false, false, false]);
  assert.equal(origin.requests.length, 5);
  assert.ok(Date.now() - limited >= 1000 && limited >= started);
});

test("a wait beyond what is sensible is an error at once", async (t) => {
  const origin = await startOrigin(t, (_request, response) => {
    response.writeHead(429, { "retry-after": "301" }).end();
  });
  const client = createRegistryClient({});
  t.after(() => client.close());
  const store = client.repository({ registry: origin.host, repository: "a" });
  await assert.rejects(store.resolve("v1"), { code: "ERR_LADING_RATE_LIMITED", retryAfterMs: 301_000 });
  assert.equal(origin.requests.length, 1);
});

test("an answer that a proxy has compressed is refused", async (t) => {
  const origin = await startOrigin(t, (_request, response) => {
    response.writeHead(200, { "content-encoding": "gzip" }).end("x");
  });
  const client = createRegistryClient({});
  t.after(() => client.close());
  const store = client.repository({ registry: origin.host, repository: "a" });
  await assert.rejects(store.resolve("v1"), { code: "ERR_LADING_REGISTRY" });
  await assert.rejects(store.body(each).open({ offset: 0 }), { code: "ERR_LADING_REGISTRY" });
});

test("a host that is not there is told at once, and one that refuses after its attempts", async (t) => {
  const retrying: number[] = [];
  const client = createRegistryClient({
    retry: { attempts: 3, minDelayMs: 1, maxDelayMs: 2 },
    on: (event) => event.type === "retrying" && retrying.push(event.attempt),
  });
  t.after(() => client.close());
  const unknown = client.repository({ registry: "registry.invalid", repository: "a" });
  await assert.rejects(unknown.resolve("v1"), { code: "ERR_LADING_NETWORK" });
  const closed = client.repository({ registry: "127.0.0.1:1", repository: "a" });
  retrying.length = 0;
  await assert.rejects(closed.resolve("v1"), { code: "ERR_LADING_NETWORK", message: /refuses connections/ });
  assert.deepEqual(retrying, [1, 2]);
});

test("what is no repository, tag or digest never becomes a URL", async (t) => {
  const client = createRegistryClient({});
  t.after(() => client.close());
  for (const repository of ["", "../a", "a/../b", "A", "a//b", "a b", "a?x=1", "a#b", "a/%2e%2e"]) {
    assert.throws(
      () => client.repository({ registry: "r.example", repository }),
      { code: "ERR_LADING_REFERENCE" },
      repository,
    );
  }
  for (const registry of ["", "a/b", "user@host", "host?x", "host#x", " "]) {
    assert.throws(
      () => client.repository({ registry, repository: "a" }),
      { code: "ERR_LADING_REFERENCE" },
      registry,
    );
  }
  const store = client.repository({ registry: "r.example", repository: "a" });
  for (const reference of ["../x", "a/b", "sha256:xyz", "a b", "", "x?y"]) {
    await assert.rejects(store.resolve(reference), { code: "ERR_LADING_REFERENCE" }, reference);
  }
});
