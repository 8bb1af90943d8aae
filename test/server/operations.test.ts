import assert from "node:assert/strict";
import { Readable } from "node:stream";
import test from "node:test";
import { request } from "undici";
import { digestOf } from "../../src/bytes/hash.ts";
import { plainPasswords } from "../../src/server/auth/passwords.ts";
import { diskRepositories } from "../../src/server/repositories/disk.ts";
import { http } from "../support/http.ts";
import { startRegistry } from "../support/registry.ts";
import { sampleBytes } from "../support/sample-bytes.ts";
import { tempDir } from "../support/tmp.ts";
import { pushBlob, pushImage } from "./support.ts";

/** Values of Prometheus' text format by name and labels; what is no such line fails. */
function samplesOf(text: string): ReadonlyMap<string, number> {
  const samples = new Map<string, number>();
  const typed = new Set<string>();
  for (const line of text.trimEnd().split("\n")) {
    const type = /^# TYPE ([a-z_]+) (?:counter|gauge|histogram)$/.exec(line);
    if (type !== null) {
      assert.ok(!typed.has(type[1] ?? ""), `one type per metric: ${line}`);
      typed.add(type[1] ?? "");
      continue;
    }
    const [, name = "", labels = "", value = ""] =
      /^([a-z_]+)((?:\{[a-z]+="[^"\\]*"(?:,[a-z]+="[^"\\]*")*\})?) ([0-9.]+)$/.exec(line) ?? [];
    assert.ok(typed.has(name) || typed.has(name.replace(/_(?:bucket|sum|count)$/, "")), line);
    assert.ok(!samples.has(name + labels), `once: ${line}`);
    samples.set(name + labels, Number(value));
  }
  return samples;
}

test("/metrics counts requests, bytes and uploads in Prometheus' text format", async (t) => {
  const { url } = await startRegistry(t);
  await pushImage(url, "some/app", "v1", sampleBytes(50_000));
  await http("GET", `${url}/v2/some/app/manifests/v1`);
  await http("GET", `${url}/v2/some/app/manifests/absent`);
  await http("POST", `${url}/v2/some/app/blobs/uploads/`);
  const { headers, text } = await http("GET", `${url}/metrics`);
  assert.match(String(headers["content-type"]), /^text\/plain; version=0\.0\.4/);
  const samples = samplesOf(text);
  const count = (labels: string) => samples.get(`lading_registry_requests_total{${labels}}`);
  assert.equal(count('endpoint="uploads",method="POST",status="201"'), 2);
  assert.equal(count('endpoint="uploads",method="POST",status="202"'), 1);
  assert.equal(count('endpoint="manifest",method="PUT",status="201"'), 1);
  assert.equal(count('endpoint="manifest",method="GET",status="404"'), 1);
  assert.equal(samples.get("lading_registry_uploads"), 1);
  assert.equal(samples.get("lading_registry_requests_active"), 1);
  assert.ok((samples.get("lading_registry_bytes_received_total") ?? 0) > 50_000);
  assert.equal(samples.get('lading_registry_request_seconds_count{endpoint="manifest"}'), 3);
  assert.equal(samples.get('lading_registry_request_seconds_bucket{endpoint="manifest",le="+Inf"}'), 3);
  assert.ok(!text.includes("some/app"), "names of repositories are nobody's business here");
});

test("/metrics is not there when it is switched off", async (t) => {
  const { url } = await startRegistry(t, { metrics: false });
  const reply = await http("GET", `${url}/metrics`);
  assert.equal(reply.status, 404);
  assert.equal(JSON.parse(reply.text).errors[0].code, "UNSUPPORTED");
});

test("/healthz answers without credentials, in every mode", async (t) => {
  const { url } = await startRegistry(t, { passwords: plainPasswords({ ann: "a" }), readOnly: true });
  assert.equal((await http("GET", `${url}/v2/`)).status, 401);
  const reply = await http("GET", `${url}/healthz`);
  assert.deepEqual([reply.status, reply.text], [200, "ok\n"]);
  assert.equal((await http("HEAD", `${url}/healthz`)).status, 200);
  assert.equal((await http("POST", `${url}/healthz`)).status, 405);
});

test("a read-only registry serves what is there, and refuses every change", async (t) => {
  const folder = await tempDir(t);
  const writable = await startRegistry(t, { repositories: diskRepositories(folder) });
  const digest = await pushImage(writable.url, "app", "v1", "layer");
  await writable.server.close();
  const { url } = await startRegistry(t, { repositories: diskRepositories(folder), readOnly: true });
  assert.equal((await http("HEAD", `${url}/v2/app/manifests/v1`)).headers["docker-content-digest"], digest);
  assert.deepEqual(JSON.parse((await http("GET", `${url}/v2/app/tags/list`)).text).tags, ["v1"]);
  assert.equal((await http("GET", `${url}/v2/app/blobs/${digestOf("layer")}`)).text, "layer");
  assert.equal((await http("GET", `${url}/v2/app/referrers/${digest}`)).status, 200);
  for (const [method, path] of [
    ["PUT", "manifests/v2"],
    ["POST", "blobs/uploads/"],
    ["DELETE", "manifests/v1"],
  ] as const) {
    const reply = await http(method, `${url}/v2/app/${path}`, { body: method === "PUT" ? "{}" : "" });
    assert.equal(reply.status, 405);
    assert.equal(JSON.parse(reply.text).errors[0].code, "UNSUPPORTED");
  }
  assert.equal((await http("POST", `${url}/v2/other/blobs/uploads/`)).status, 405);
  assert.equal((await http("GET", `${url}/v2/other/tags/list`)).status, 404);
});

test("chunks must be as large as the registry asks, but the last one", async (t) => {
  const { url } = await startRegistry(t, { minChunkBytes: 1000 });
  const bytes = sampleBytes(2500);
  const start = await http("POST", `${url}/v2/app/blobs/uploads/`);
  assert.equal(start.headers["oci-chunk-min-length"], "1000");
  const send = (method: string, location: unknown, from: number, to: number, query = "") =>
    http(method, `${url}${location}${query}`, {
      headers: { "content-range": `${from}-${to - 1}` },
      body: bytes.subarray(from, to),
    });
  const small = await send("PATCH", start.headers["location"], 0, 999);
  assert.equal(small.status, 400);
  assert.equal(JSON.parse(small.text).errors[0].code, "SIZE_INVALID");
  const first = await send("PATCH", start.headers["location"], 0, 1000);
  assert.equal(first.status, 202, first.text);
  assert.equal(first.headers["oci-chunk-min-length"], "1000");
  const second = await send("PATCH", first.headers["location"], 1000, 2000);
  assert.equal(second.status, 202, second.text);
  const last = await send("PUT", second.headers["location"], 2000, 2500, `&digest=${digestOf(bytes)}`);
  assert.equal(last.status, 201, last.text);
  assert.equal((await http("HEAD", `${url}${last.headers["location"]}`)).headers["content-length"], "2500");
});

test("Content-Range holds a chunk without a Content-Length, and may name an empty one", async (t) => {
  const { url } = await startRegistry(t);
  const stream = async (location: unknown, range: string, ...chunks: string[]) => {
    const { statusCode, headers, body } = await request(`${url}${location}`, {
      method: "PATCH",
      headers: { "content-range": range },
      body: Readable.from(chunks.map((chunk) => Buffer.from(chunk))),
    });
    return { status: statusCode, headers, text: await body.text() };
  };
  const start = await http("POST", `${url}/v2/app/blobs/uploads/`);
  const path = String(start.headers["location"]).split("?")[0];
  assert.equal((await stream(path, "0-4", "hello")).status, 202);
  assert.equal((await stream(path, "5-7", " world")).status, 400);
  assert.equal((await stream(path, "5-10", " wo")).status, 400);
  const state = await http("GET", `${url}${path}`);
  const held = Number(String(state.headers["range"]).split("-")[1]) + 1;
  assert.ok(held >= 5 && held <= 8, `${held} bytes`);
  for (const range of [`${held}-${held - 1}`, `${held}-${held}`]) {
    const empty = await http("PATCH", `${url}${path}`, {
      headers: { "content-range": range, "content-length": "0" },
    });
    assert.equal(empty.status, 202, empty.text);
  }
  const behind = await http("PATCH", `${url}${path}`, {
    headers: { "content-range": "0--1", "content-length": "0" },
  });
  assert.equal(behind.status, 416);
  await pushBlob(url, "app", "still fine");
});

test("artifacts of any kind are taken, manifests of an unknown kind are not", async (t) => {
  const { url } = await startRegistry(t);
  const blob = {
    mediaType: "application/vnd.nobody.knows",
    digest: await pushBlob(url, "app", "x"),
    size: 1,
  };
  const put = (mediaType: string) =>
    http("PUT", `${url}/v2/app/manifests/v1`, {
      headers: { "content-type": mediaType },
      body: JSON.stringify({
        schemaVersion: 2,
        mediaType,
        artifactType: "application/vnd.nobody.knows+either",
        config: blob,
        layers: [blob],
      }),
    });
  for (const mediaType of ["application/vnd.nobody.manifest+json", "application/json", "text/html"]) {
    const refused = await put(mediaType);
    assert.equal(refused.status, 400, mediaType);
    assert.equal(JSON.parse(refused.text).errors[0].code, "MANIFEST_INVALID");
    assert.equal((await http("GET", `${url}/v2/app/manifests/v1`)).status, 404);
  }
  const taken = await put("application/vnd.oci.image.manifest.v1+json");
  assert.equal(taken.status, 201, taken.text);
  assert.equal((await http("HEAD", `${url}${taken.headers["location"]}`)).status, 200);
});
