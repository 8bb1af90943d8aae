import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { inspect } from "node:util";
import { digestOf } from "../../src/bytes/hash.ts";
import { copy } from "../../src/copy/copy.ts";
import type { CopyRequest } from "../../src/copy/request.ts";
import { type ErrorCode, isLadingError } from "../../src/errors.ts";
import { createRegistryClient, type RegistryClient } from "../../src/stores/registry/client.ts";
import type { Clock } from "../../src/stores/registry/http/clock.ts";
import { artifact, type Content, image, writeContent } from "../support/content.ts";
import {
  type FaultAction,
  type FaultProxy,
  type RecordedRequest,
  startFaultProxy,
} from "../support/fault-proxy.ts";

/** A fault, and the codes that a copy may end with when it is met once; an empty list means that the copy must go on. */
export interface Meeting {
  readonly action: FaultAction;
  readonly codes: readonly ErrorCode[];
  /** An answer that says "I list no referrers" cannot be told from the truth: they come along with the next run. */
  readonly hidesReferrers?: true;
}

const damage: readonly ErrorCode[] = [
  "ERR_LADING_DIGEST_MISMATCH",
  "ERR_LADING_SIZE_MISMATCH",
  "ERR_LADING_DOCUMENT",
  "ERR_LADING_REGISTRY",
];

/** Met once, at any request. */
export const faults: Readonly<Record<string, Meeting>> = {
  "the request breaks at once": { action: { kind: "drop-request", after: 0 }, codes: [] },
  "the request breaks in its body": { action: { kind: "drop-request", after: 700 }, codes: [] },
  "the answer breaks at once": { action: { kind: "drop-response", after: 0 }, codes: [] },
  "the answer breaks in its body": { action: { kind: "drop-response", after: 300 }, codes: [] },
  "the answer is lost": { action: { kind: "lose-response" }, codes: [] },
  "the answer is cut short with a good face": { action: { kind: "truncate", bytes: 200 }, codes: damage },
  "a byte is wrong": { action: { kind: "wrong-bytes" }, codes: damage },
  "there are more bytes": { action: { kind: "extra-bytes" }, codes: damage },
  "401 in the middle": { action: { kind: "unauthorized" }, codes: [] },
  "403": { action: { kind: "status", status: 403 }, codes: ["ERR_LADING_DENIED"] },
  "404": {
    action: { kind: "status", status: 404 },
    codes: ["ERR_LADING_NOT_FOUND", "ERR_LADING_MISSING_CONTENT"],
    hidesReferrers: true,
  },
  "429 with seconds": { action: { kind: "rate-limit", retryAfter: "2" }, codes: [] },
  "429 with a date": {
    action: { kind: "rate-limit", retryAfter: new Date(Date.now() + 60_000).toUTCString() },
    codes: [],
  },
  "500": { action: { kind: "status", status: 500 }, codes: [] },
  "503 with a time to wait": {
    action: { kind: "status", status: 503, headers: { "retry-after": "1" } },
    codes: [],
  },
  "a web page with 502": { action: { kind: "html", status: 502 }, codes: [] },
  "a web page with 200": { action: { kind: "html", status: 200 }, codes: damage, hidesReferrers: true },
  "an answer that trickles": { action: { kind: "slow", chunkBytes: 400, everyMs: 1 }, codes: [] },
  "a redirect to another origin": { action: { kind: "redirect" }, codes: [] },
  "locations that rotate": { action: { kind: "rotate-locations" }, codes: [] },
  "a lost session": { action: { kind: "expire-session" }, codes: [] },
};

/** Met every time that the request is made. */
const lastingFaults: Readonly<Record<string, Meeting>> = {
  "the answer always breaks": { action: { kind: "drop-response", after: 0 }, codes: ["ERR_LADING_NETWORK"] },
  "always 503": { action: { kind: "status", status: 503 }, codes: ["ERR_LADING_REGISTRY"] },
  "always 429": {
    action: { kind: "rate-limit", retryAfter: "1" },
    codes: ["ERR_LADING_RATE_LIMITED"],
  },
  "always 401": {
    action: { kind: "status", status: 401 },
    codes: ["ERR_LADING_UNAUTHORIZED"],
  },
  "always another byte": { action: { kind: "wrong-bytes" }, codes: damage },
  "never a session": {
    action: { kind: "expire-session" },
    codes: ["ERR_LADING_REGISTRY", "ERR_LADING_NOT_FOUND"],
  },
};

/** Small, and with everything that makes requests of its own: a layer, a config, a referrer. */
const content = image({ seed: 40, layers: 1, layerBytes: 1500 });
const referrer = artifact({ seed: 41, subject: content.root, blobs: [] });
const secret = "matrix-secret-7f3a";

/** Time that passes only by being slept through. */
export function virtualClock(): Clock {
  let now = Date.now();
  return {
    now: () => now,
    random: () => 0.5,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      now += ms;
      // Others get their turn, as in real sleep.
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

export interface Scenario {
  readonly faulty: "source" | "destination" | "both";
  readonly proxy: FaultProxy;
  /** The registry behind the proxy that is written to. */
  readonly destinationHost: string;
  /** One copy into a fresh repository, by a client that knows nothing yet. */
  request(client: RegistryClient, repository: string): CopyRequest;
}

/** A source registry and a destination registry, either behind a proxy. */
export async function scenario(
  t: TestContext,
  hosts: { readonly source: string; readonly destination: string },
  faulty: Scenario["faulty"],
): Promise<Scenario> {
  const seeding = createRegistryClient();
  const seeded = seeding.repository({ registry: hosts.source, repository: "seed" });
  await writeContent(seeded, content, "v1");
  await writeContent(seeded, referrer);
  await seeding.close();
  const proxy = await startFaultProxy(t, faulty === "source" ? hosts.source : hosts.destination);
  const source = faulty === "destination" ? hosts.source : proxy.host;
  const destination = faulty === "source" ? hosts.destination : proxy.host;
  return {
    faulty,
    proxy,
    destinationHost: hosts.destination,
    request: (client, repository) => ({
      from: client.repository({ registry: source, repository: "seed" }),
      reference: "v1",
      to: client.repository({ registry: destination, repository }),
      tags: ["v1"],
      referrers: true,
    }),
  };
}

async function run(scene: Scenario, repository: string): Promise<unknown> {
  const client = createRegistryClient({
    clock: virtualClock(),
    credentials: { find: async () => ({ username: "somebody", password: secret }) },
  });
  try {
    await copy([scene.request(client, repository)]);
    return undefined;
  } catch (error) {
    return error;
  } finally {
    await client.close();
  }
}

async function get(host: string, path: string): Promise<Buffer | undefined> {
  const accept = content.nodes.filter(({ kind }) => kind === "manifest").map((n) => n.descriptor.mediaType);
  const answer = await fetch(`http://${host}/v2/${path}`, { headers: { accept: accept.join(", ") } });
  const bytes = Buffer.from(await answer.arrayBuffer());
  if (answer.status === 404) return undefined;
  assert.equal(answer.status, 200, path);
  return bytes;
}

/** Everything that the destination shows is right, and a name stands only for a whole graph. */
async function check(
  host: string,
  repository: string,
  what: string,
  whole: readonly Content[],
): Promise<void> {
  const tagged = (await get(host, `${repository}/manifests/v1`)) !== undefined;
  if (whole.length > 0) assert.ok(tagged, `${what}: the tag is there`);
  for (const each of [content, referrer]) {
    const here = whole.includes(each) || (tagged && each === content);
    for (const { kind, descriptor } of each.nodes) {
      const bytes = await get(host, `${repository}/${kind}s/${descriptor.digest}`);
      if (bytes === undefined) assert.ok(!here, `${what}: ${descriptor.digest} is missing`);
      else assert.equal(digestOf(bytes), descriptor.digest, `${what}: wrong bytes are visible`);
    }
  }
}

/** A pattern for the request's path whatever the repository, session and signature. */
function patternOf({ url }: RecordedRequest, repository: string): RegExp {
  const [path = ""] = url.split("?");
  const general = path
    .replace(repository, "REPOSITORY")
    .replace(/(\/blobs\/uploads\/).+$/, "$1SESSION")
    .replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")
    .replace("REPOSITORY", "[^?]+")
    .replace("SESSION", "[^?]+");
  return new RegExp(`^${general}(?:\\?|$)`);
}

/**
 * Copies once without a fault to learn the requests; then, for every request and every fault, copies with that fault,
 * looks at the destination, copies again without, and looks again.
 * @param options `lasting`: the fault is met whenever the request is made; `alike: false`: of requests that differ only
 *   in digest or session, the first stands for all
 */
export async function everyRequestAndFault(
  scene: Scenario,
  { lasting = false, alike = true }: { readonly lasting?: boolean; readonly alike?: boolean } = {},
): Promise<void> {
  const { proxy } = scene;
  proxy.script();
  const prefix = `${lasting ? "lasting" : "once"}/${scene.faulty}`;
  const first = `${prefix}/first`;
  assert.equal(await run(scene, first), undefined);
  const requests = [...proxy.requests];
  assert.ok(requests.length > 5);
  let count = 0;
  const problems: string[] = [];
  for (const [name, { action, codes, hidesReferrers }] of Object.entries(lasting ? lastingFaults : faults)) {
    const certain = hidesReferrers === true ? [content] : [content, referrer];
    const shapes = new Set<string>();
    for (const [index, request] of requests.entries()) {
      const shape = `${request.method} ${request.url.replace(/sha256:\w+/, "").replace(/(uploads\/).+/, "$1")}`;
      if (!alike && shapes.has(shape)) continue;
      shapes.add(shape);
      const what = `${name}, request ${index}: ${request.method} ${request.url}`;
      const repository = `${prefix}/${count++}`;
      proxy.script(
        lasting
          ? { match: { method: request.method, path: patternOf(request, first) }, times: 1e6, action }
          : { match: { index }, action },
      );
      try {
        await faultyAndThenGood(scene, repository, what, codes, certain);
      } catch (problem) {
        problems.push(problem instanceof assert.AssertionError ? problem.message : inspect(problem));
      }
    }
  }
  assert.equal(problems.join("\n"), "");
}

async function faultyAndThenGood(
  scene: Scenario,
  repository: string,
  what: string,
  codes: readonly ErrorCode[],
  certain: readonly Content[],
): Promise<void> {
  const { proxy, destinationHost } = scene;
  const error = await run(scene, repository);
  for (const { headers, url } of proxy.elsewhere) {
    assert.equal(headers.authorization, undefined, `${what}: a secret went to another origin`);
    assert.ok(!url.includes(secret) && headers.cookie === undefined, what);
  }
  if (error !== undefined) {
    if (!isLadingError(error)) throw error;
    const text = `${what}: ${error.code} ${error.message}`;
    assert.ok(codes.includes(error.code), text);
    assert.ok(!text.includes(secret));
  }
  await check(destinationHost, repository, what, error === undefined ? certain : []);
  proxy.script();
  const second = await run(scene, repository);
  assert.equal(second, undefined, `${what}: the second run: ${inspect(second)}`);
  // What was whole after the first run has been looked at.
  if (error !== undefined || !certain.includes(referrer))
    await check(destinationHost, repository, `${what}: after the second run`, [content, referrer]);
}
