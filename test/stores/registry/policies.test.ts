import assert from "node:assert/strict";
import test from "node:test";
import type { Clock } from "../../../src/stores/registry/http/clock.ts";
import { createCookieJar } from "../../../src/stores/registry/http/cookies.ts";
import { createHostLimiter } from "../../../src/stores/registry/http/limiter.ts";
import { addressClass } from "../../../src/stores/registry/http/origin.ts";
import { createProxyChooser } from "../../../src/stores/registry/http/proxy.ts";
import {
  backoff,
  defaultRetryPolicy,
  isRetryableStatus,
  parseRetryAfter,
} from "../../../src/stores/registry/http/retry.ts";
import { quirksOf } from "../../../src/stores/registry/quirks.ts";

test("Retry-After: seconds and dates, nothing else", () => {
  const now = Date.UTC(2026, 0, 1, 12, 0, 0);
  assert.equal(parseRetryAfter("0", now), 0);
  assert.equal(parseRetryAfter(" 120 ", now), 120_000);
  assert.equal(parseRetryAfter("Thu, 01 Jan 2026 12:00:30 GMT", now), 30_000);
  assert.equal(parseRetryAfter("Thu, 01 Jan 2026 11:00:00 GMT", now), 0);
  for (const odd of [
    undefined,
    "",
    "soon",
    "-1",
    "1.5",
    "1e3",
    "99999999999",
    "2026-01-01T12:00:30Z",
    "Thu, 99 Jan 2026 12:00:30 GMT",
  ]) {
    assert.equal(parseRetryAfter(odd, now), undefined, String(odd));
  }
});

test("backoff: doubles up to its bound, with full jitter", () => {
  const bounds = [1, 2, 3, 4, 8, 100].map((attempt) => backoff(attempt, 1, defaultRetryPolicy));
  assert.deepEqual(bounds, [250, 500, 1000, 2000, 30_000, 30_000]);
  assert.equal(backoff(5, 0, defaultRetryPolicy), 0);
  assert.equal(backoff(1, 0.5, defaultRetryPolicy), 125);
});

test("statuses: what may go better the next time", () => {
  for (const status of [408, 429, 499, 500, 502, 503, 504, 520, 524])
    assert.ok(isRetryableStatus(status), String(status));
  for (const status of [200, 400, 401, 403, 404, 405, 409, 413, 416, 501, 507])
    assert.ok(!isRetryableStatus(status), String(status));
});

/** Time that stands still until somebody sleeps. */
function stillClock(): Clock & { slept: number[] } {
  let now = 1_000_000;
  const slept: number[] = [];
  return {
    slept,
    now: () => now,
    random: () => 0.5,
    sleep: async (ms) => {
      slept.push(ms);
      await Promise.resolve();
      now += ms;
    },
  };
}

test("limiter: so many at once in each lane, in order", async () => {
  const limiter = createHostLimiter(2, stillClock());
  const order: number[] = [];
  const took = async (number: number) => {
    const release = await limiter.acquire("short");
    order.push(number);
    return release;
  };
  const releases = [await limiter.acquire("short"), await limiter.acquire("short")];
  const third = took(3);
  const fourth = took(4);
  // An upload that waits for its own download finds the other lane free.
  (await limiter.acquire("download"))();
  await new Promise(setImmediate);
  assert.deepEqual(order, []);
  releases[0]?.();
  releases[0]?.();
  await third;
  await new Promise(setImmediate);
  assert.deepEqual(order, [3]);
  releases[1]?.();
  await fourth;
  assert.deepEqual(order, [3, 4]);
});

test("limiter: who is aborted leaves the queue", async () => {
  const limiter = createHostLimiter(1, stillClock());
  const release = await limiter.acquire("upload");
  const controller = new AbortController();
  const waiting = limiter.acquire("upload", controller.signal);
  const next = limiter.acquire("upload");
  controller.abort(new Error("enough"));
  await assert.rejects(waiting, /enough/);
  release();
  (await next)();
  await assert.rejects(limiter.acquire("upload", AbortSignal.abort(new Error("late"))), /late/);
});

test("limiter: a paused host gets no request of any lane until then", async () => {
  const clock = stillClock();
  const limiter = createHostLimiter(2, clock);
  limiter.pause(clock.now() + 5000);
  limiter.pause(clock.now() + 1000);
  (await limiter.acquire("download"))();
  assert.deepEqual(clock.slept, [5000]);
});

test("proxies: chosen by scheme, and not for what is excepted", () => {
  const choose = createProxyChooser({
    http: "plain.proxy:3128",
    https: "http://user:pw@secure.proxy:8080",
    no: "exact.example, .suffix.example,*.star.example, port.example:5000, 10.0.0.0/8,192.168.1.7, fd00::/8, [::2]:5000",
  });
  const proxyOf = (url: string) => choose(new URL(url))?.host;
  assert.equal(proxyOf("http://a.example/"), "plain.proxy:3128");
  assert.equal(proxyOf("https://a.example/"), "secure.proxy:8080");
  const direct = [
    "https://exact.example",
    "https://sub.exact.example",
    "https://a.suffix.example",
    "https://a.b.star.example",
    "http://port.example:5000",
    "http://10.200.3.4",
    "http://192.168.1.7:5000",
    "http://[fd00::1]/",
    "http://[::2]:5000/",
    "http://localhost:5000",
    "http://127.1.2.3",
    "http://[::1]:5000",
  ];
  for (const url of direct) assert.equal(proxyOf(url), undefined, url);
  const through = [
    "https://notexact.example",
    "https://suffix.example",
    "https://star.example",
    "http://port.example:5001",
    "http://11.0.0.1",
    "http://192.168.1.70",
    "http://[fe00::1]/",
    "http://[::2]/",
    "https://10.0.0.0.example",
  ];
  for (const url of through) assert.notEqual(proxyOf(url), undefined, url);
  assert.equal(createProxyChooser({ https: "http://p:1", no: "*" })(new URL("https://a.example")), undefined);
  assert.equal(createProxyChooser()(new URL("https://a.example")), undefined);
  for (const http of ["ftp://proxy", "http://", "a b"]) {
    assert.throws(() => createProxyChooser({ http }), { code: "ERR_LADING_USAGE" });
  }
});

test("addresses: what they are, in every way to write them", () => {
  const cases: Readonly<Record<string, string>> = {
    "http://r.example": "name",
    "http://8.8.8.8": "public",
    "http://10.1.2.3": "private",
    "http://172.16.0.1": "private",
    "http://172.32.0.1": "public",
    "http://0x7f.1": "loopback",
    "http://017700000001": "loopback",
    "http://2130706433": "loopback",
    "http://localhost.": "loopback",
    "http://a.localhost": "loopback",
    "http://[::1]": "loopback",
    "http://[::ffff:127.0.0.1]": "loopback",
    "http://[::ffff:a9fe:a9fe]": "link-local",
    "http://169.254.169.254": "link-local",
    "http://[fe80::1]": "link-local",
    "http://[fd00:ec2::254]": "private",
    "http://0.0.0.0": "unspecified",
    "http://[::]": "unspecified",
    "http://[2001:db8::1]": "public",
  };
  for (const [url, expected] of Object.entries(cases))
    assert.equal(addressClass(new URL(url).hostname), expected, url);
});

test("cookies: for one origin, and only so many", () => {
  const jar = createCookieJar();
  assert.equal(jar.header("https://r.example"), undefined);
  jar.take("https://r.example", ["route=1; Path=/; HttpOnly", "other=2", "=odd", "none"]);
  jar.take("https://r.example", ["route=3"]);
  jar.take("https://evil.example", ["route=4"]);
  assert.equal(jar.header("https://r.example"), "route=3; other=2");
  assert.equal(jar.header("https://r.example:8443"), undefined);
  jar.take(
    "https://r.example",
    Array.from({ length: 100 }, (_, i) => `c${i}=${"x".repeat(i * 100)}`),
  );
  assert.ok((jar.header("https://r.example") ?? "").split("; ").length <= 20);
});

test("quirks: by the whole host", () => {
  assert.equal(quirksOf("docker.io").endpoint, "registry-1.docker.io");
  assert.equal(quirksOf("123456789012.dkr.ecr.eu-central-1.amazonaws.com").noChunks, true);
  assert.equal(quirksOf("europe-docker.pkg.dev").noChunks, true);
  assert.equal(quirksOf("eu.gcr.io").noChunks, true);
  assert.equal(quirksOf("ghcr.io").noReferrersApi, true);
  for (const host of ["notghcr.io", "ghcr.io.evil.example", "docker.io.example", "127.0.0.1:5000"])
    assert.deepEqual(quirksOf(host), {});
});
