import assert from "node:assert/strict";
import test from "node:test";
import { digestOf } from "../../src/bytes/hash.ts";
import { diskRepositories } from "../../src/server/repositories/disk.ts";
import { memoryRepositories } from "../../src/server/repositories/memory.ts";
import type { Digest } from "../../src/spec/digest.ts";
import { mediaTypes } from "../../src/spec/media-type.ts";
import { http } from "../support/http.ts";
import { startRegistry } from "../support/registry.ts";
import { tempDir } from "../support/tmp.ts";
import { pushBlob, pushImage } from "./support.ts";

interface Listed {
  readonly digest: string;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

const empty = { mediaType: mediaTypes.ociEmpty, digest: digestOf("{}"), size: 2 };

/** An artifact without layers; gives its digest. */
async function pushArtifact(
  url: string,
  artifactType: string,
  subject: { readonly digest: Digest; readonly size: number } | undefined,
  note: string,
): Promise<Digest> {
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    artifactType,
    config: empty,
    layers: [empty],
    ...(subject === undefined ? {} : { subject: { mediaType: mediaTypes.ociManifest, ...subject } }),
    annotations: { note },
  });
  const digest = digestOf(manifest);
  const reply = await http("PUT", `${url}/v2/app/manifests/${digest}`, {
    headers: { "content-type": mediaTypes.ociManifest },
    body: manifest,
  });
  assert.equal(reply.status, 201, reply.text);
  assert.equal(reply.headers["oci-subject"], subject?.digest);
  return digest;
}

/** Follows the links from page to page. */
async function pagesOf(
  url: string,
  path: string,
): Promise<{ pages: Listed[][]; bytes: number[]; filtered: unknown[] }> {
  const pages: Listed[][] = [];
  const bytes: number[] = [];
  const filtered: unknown[] = [];
  for (let next: string | undefined = path; next !== undefined; ) {
    const reply = await http("GET", `${url}${next}`);
    assert.equal(reply.status, 200, reply.text);
    assert.equal(reply.headers["content-type"], mediaTypes.ociIndex);
    const index = JSON.parse(reply.text);
    assert.deepEqual([index.schemaVersion, index.mediaType], [2, mediaTypes.ociIndex]);
    pages.push(index.manifests);
    bytes.push(Buffer.byteLength(reply.text));
    filtered.push(reply.headers["oci-filters-applied"]);
    const link = reply.headers["link"];
    next = link === undefined ? undefined : /^<([^>]+)>; rel="next"$/.exec(String(link))?.[1];
    if (link !== undefined) assert.ok(next?.startsWith("/v2/"), `a link is a path: ${link}`);
  }
  return { pages, bytes, filtered };
}

test("referrers beyond 4 MiB come in pages, each below that, and the filter goes from page to page", async (t) => {
  const { url } = await startRegistry(t);
  const subject = { digest: await pushImage(url, "app", "v1", "layer"), size: 500 };
  await pushBlob(url, "app", "{}");
  const note = "x".repeat(100_000);
  const expected = new Map<string, string[]>([
    ["application/vnd.a", []],
    ["application/vnd.b", []],
  ]);
  for (let i = 0; i < 100; i++) {
    const type = i % 10 === 0 ? "application/vnd.b" : "application/vnd.a";
    expected.get(type)?.push(await pushArtifact(url, type, subject, `${note}${i}`));
  }
  const path = `/v2/app/referrers/${subject.digest}`;
  const all = await pagesOf(url, path);
  assert.equal(all.pages.length, 3);
  for (const size of all.bytes) assert.ok(size <= 4 * 1024 * 1024, `${size} bytes`);
  assert.deepEqual(
    all.pages.flat().map(({ digest }) => digest),
    [...expected.values()].flat().sort(),
  );
  const some = await pagesOf(url, `${path}?artifactType=${encodeURIComponent("application/vnd.a")}`);
  assert.equal(some.pages.length, 3);
  assert.deepEqual(some.filtered, Array(3).fill("artifactType"));
  assert.deepEqual(
    some.pages.flat().map(({ digest }) => digest),
    expected.get("application/vnd.a")?.sort(),
  );
  const few = await pagesOf(url, `${path}?artifactType=${encodeURIComponent("application/vnd.b")}`);
  assert.deepEqual([few.pages.length, few.pages.flat().length], [1, 10]);
  const head = await http("HEAD", `${url}${path}`);
  assert.equal(head.status, 200);
  assert.match(String(head.headers["link"]), /rel="next"/);
});

test("one referrer that fills a page alone is still listed", async (t) => {
  const { url } = await startRegistry(t, { limits: { referrersPageBytes: 1000 } });
  const subject = { digest: await pushImage(url, "app", "v1", "layer"), size: 500 };
  await pushBlob(url, "app", "{}");
  for (let i = 0; i < 3; i++)
    await pushArtifact(url, "application/vnd.a", subject, `${"x".repeat(2000)}${i}`);
  const { pages } = await pagesOf(url, `/v2/app/referrers/${subject.digest}`);
  assert.deepEqual(
    pages.map((page) => page.length),
    [1, 1, 1],
  );
});

for (const kind of ["memory", "disk"] as const) {
  test(`what a fallback tag lists is adopted, ${kind}`, async (t) => {
    const repositories = kind === "memory" ? memoryRepositories() : diskRepositories(await tempDir(t));
    const { url } = await startRegistry(t, { repositories });
    const subject = { digest: await pushImage(url, "app", "v1", "layer"), size: 500 };
    await pushBlob(url, "app", "{}");
    const linked = await pushArtifact(url, "application/vnd.a", subject, "names its subject");
    const loose = await pushArtifact(url, "application/vnd.b", undefined, "is only listed");
    const gone = await pushArtifact(url, "application/vnd.b", undefined, "is deleted later");
    const index = JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests: [linked, loose, gone].map((digest) => ({
        mediaType: mediaTypes.ociManifest,
        digest,
        size: 1,
        artifactType: digest === linked ? "application/vnd.stale" : "application/vnd.b",
      })),
    });
    const sized = index.replaceAll(/"digest":"([^"]+)","size":1/g, '"digest":"$1","size":SIZE');
    let text = sized;
    for (const digest of [linked, loose, gone]) {
      const head = await http("HEAD", `${url}/v2/app/manifests/${digest}`);
      text = text.replace(
        `"digest":"${digest}","size":SIZE`,
        `"digest":"${digest}","size":${head.headers["content-length"]}`,
      );
    }
    const put = await http("PUT", `${url}/v2/app/manifests/${subject.digest.replace(":", "-")}`, {
      headers: { "content-type": mediaTypes.ociIndex },
      body: text,
    });
    assert.equal(put.status, 201, put.text);
    const listed = async (query = "") =>
      (await pagesOf(url, `/v2/app/referrers/${subject.digest}${query}`)).pages.flat();
    assert.deepEqual(
      (await listed()).map(({ digest }) => digest),
      [linked, loose, gone].sort(),
    );
    // What the manifest itself says counts more than what somebody once listed.
    const first = (await listed()).find(({ digest }) => digest === linked);
    assert.deepEqual(
      [first?.artifactType, first?.annotations?.["note"]],
      ["application/vnd.a", "names its subject"],
    );
    assert.equal((await http("DELETE", `${url}/v2/app/manifests/${gone}`)).status, 202);
    assert.deepEqual(
      (await listed("?artifactType=application/vnd.b")).map(({ digest }) => digest),
      [loose],
    );
    // An artifact that is pushed now joins the list without anybody touching the tag.
    const later = await pushArtifact(url, "application/vnd.c", subject, "pushed later");
    assert.ok((await listed()).some(({ digest }) => digest === later));
  });
}
