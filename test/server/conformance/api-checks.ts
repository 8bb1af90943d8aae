import assert from "node:assert/strict";
import type { Algorithm } from "../../../src/spec/digest.ts";
import { sampleBytes } from "../../support/sample-bytes.ts";
import type { Check } from "./check.ts";
import { type Client, withQuery } from "./client.ts";
import { type Blob, blobOf, types } from "./data.ts";
import { chunkHeaders, pushBlob, pushManifest, startSession, type UploadMode, uploadModes } from "./push.ts";

const other: Record<Algorithm, string> = {
  sha256: `sha256:${"0".repeat(64)}`,
  sha512: `sha512:${"0".repeat(128)}`,
};

/** Some registries convert manifests for clients that do not say what they take. */
const accepting = { headers: { accept: types.manifest } };

/** Checks that need no data set. Each works in a repository of its own. */
export function apiChecks(algorithm: Algorithm): readonly Check[] {
  let seed = algorithm === "sha256" ? 5000 : 6000;
  const blob = (size = 2048): Blob => blobOf(sampleBytes(size, seed++), algorithm);
  let count = 0;
  const check = (
    api: Check["api"],
    what: string,
    run: (client: Client) => Promise<void>,
    dev = false,
  ): Check => {
    const repository = `api/${algorithm}/${api}${++count}`;
    return {
      name: `${algorithm}: ${api}: ${what}`,
      api,
      ...(dev ? { dev } : {}),
      run: (client) => run(client.beside(repository)),
    };
  };
  const absent = other[algorithm];
  const image = async (client: Client, tag?: string, text = "") => {
    const config = blobOf(`{"os":"linux","architecture":"amd64","author":"${seed++}${text}"}`, algorithm);
    await pushBlob(client, config, "post-put");
    const document = {
      schemaVersion: 2,
      mediaType: types.manifest,
      config: { mediaType: types.config, digest: config.digest, size: config.bytes.byteLength },
      layers: [],
    };
    const manifest = { ...blobOf(JSON.stringify(document), algorithm), mediaType: types.manifest };
    await pushManifest(client, { ...manifest, ...(tag === undefined ? {} : { tag }) });
    return manifest;
  };
  return [
    check("ping", "/v2/ answers", async (client) => {
      await client.expect(200, "GET", "/v2/");
    }),
    check("tags", "list of an empty repository", async (client) => {
      const answer = await client.expect([200, 404], "GET", "tags/list");
      if (answer.status === 200) assert.deepEqual(JSON.parse(answer.body.toString()).tags ?? [], []);
    }),
    check("referrers", "of what is not there is an empty index", async (client) => {
      const answer = await client.expect(200, "GET", `referrers/${absent}`);
      assert.deepEqual(JSON.parse(answer.body.toString()).manifests, []);
    }),
    check("referrers", "of a malformed digest", async (client) => {
      await client.expect(400, "GET", "referrers/sha256:nothex");
    }),
    check("blobs", "absent ones are 404", async (client) => {
      for (const method of ["GET", "HEAD"]) await client.expect(404, method, `blobs/${absent}`);
    }),
    check("manifests", "absent ones are 404", async (client) => {
      for (const method of ["GET", "HEAD"]) {
        await client.expect(404, method, `manifests/${absent}`);
        await client.expect(404, method, "manifests/no-such-tag");
      }
    }),
    check("blobs", "malformed digests and unknown algorithms are refused", async (client) => {
      await pushBlob(client, blob(), "post-put");
      for (const digest of ["sha256:abc", `sha256:${"G".repeat(64)}`, `md5:${"0".repeat(32)}`]) {
        await client.expect([400, 404], "GET", `blobs/${digest}`);
        await client.expect(400, "PUT", withQuery(await startSession(client), "digest", digest), {
          body: Buffer.from("x"),
        });
      }
    }),
    ...uploadModes.map((mode) =>
      check("uploads", mode, async (client) => {
        await pushBlob(client, blob(), mode);
      }),
    ),
    ...(["", "{}"] as const).flatMap((text) =>
      (["post", "post-put", "patch", "stream"] as UploadMode[]).map((mode) =>
        check("uploads", `${text === "" ? "the empty blob" : text} by ${mode}`, async (client) => {
          const small = blobOf(text, algorithm);
          await pushBlob(client, small, mode);
          const head = await client.expect(200, "HEAD", `blobs/${small.digest}`);
          assert.equal(head.headers["content-length"], String(text.length));
        }),
      ),
    ),
    ...uploadModes.map((mode) =>
      check("uploads", `a wrong digest by ${mode} is refused and not stored`, async (client) => {
        const wrong = { digest: blob().digest, bytes: blob().bytes };
        await pushBlob(client, wrong, mode, 400);
        await client.expect(404, "HEAD", `blobs/${wrong.digest}`);
      }),
    ),
    check("uploads", "a PATCH out of order is 416 and harms nothing", async (client) => {
      const { bytes, digest } = blob();
      const start = await startSession(client);
      await client.expect(416, "PATCH", start, {
        headers: chunkHeaders(1000, bytes.byteLength - 1000),
        body: bytes.subarray(1000),
      });
      const first = await client.expect(202, "PATCH", start, {
        headers: chunkHeaders(0, 1000),
        body: bytes.subarray(0, 1000),
      });
      // The same chunk again.
      await client.expect(416, "PATCH", first.location, {
        headers: chunkHeaders(0, 1000),
        body: bytes.subarray(0, 1000),
      });
      const rest = await client.expect(202, "PATCH", first.location, {
        headers: chunkHeaders(1000, bytes.byteLength - 1000),
        body: bytes.subarray(1000),
      });
      await client.expect(201, "PUT", withQuery(rest.location, "digest", digest));
    }),
    check(
      "uploads",
      "a last chunk out of order is 416",
      async (client) => {
        const { bytes, digest } = blob();
        const first = await client.expect(202, "PATCH", await startSession(client), {
          headers: chunkHeaders(0, 1000),
          body: bytes.subarray(0, 1000),
        });
        await client.expect(416, "PUT", withQuery(first.location, "digest", digest), {
          headers: chunkHeaders(1500, bytes.byteLength - 1500),
          body: bytes.subarray(1500),
        });
        await client.expect(201, "PUT", withQuery(first.location, "digest", digest), {
          headers: chunkHeaders(1000, bytes.byteLength - 1000),
          body: bytes.subarray(1000),
        });
      },
      true,
    ),
    check("uploads", "GET of a session tells where it stands", async (client) => {
      const { bytes, digest } = blob();
      const start = await startSession(client);
      await client.expect(204, "GET", start);
      const first = await client.expect(202, "PATCH", start, {
        headers: chunkHeaders(0, 1000),
        body: bytes.subarray(0, 1000),
      });
      const state = await client.expect(204, "GET", first.location);
      assert.equal(state.headers["range"], "0-999");
      await client.expect(201, "PUT", withQuery(state.location, "digest", digest), {
        headers: chunkHeaders(1000, bytes.byteLength - 1000),
        body: bytes.subarray(1000),
      });
    }),
    check(
      "uploads",
      "a session can be cancelled",
      async (client) => {
        const start = await startSession(client);
        await client.expect(204, "DELETE", start);
        await client.expect(404, "GET", start);
        await client.expect(404, "PATCH", start, { body: Buffer.from("x") });
      },
      true,
    ),
    check(
      "uploads",
      "the algorithm can be named at the start",
      async (client) => {
        const { bytes, digest } = blob();
        const start = await startSession(client, `?digest-algorithm=${algorithm}`);
        await client.expect(201, "PUT", withQuery(start, "digest", digest), { body: bytes });
        await client.expect(400, "POST", "blobs/uploads/?digest-algorithm=md5");
      },
      true,
    ),
    check("uploads", "unknown sessions are 404", async (client) => {
      const start = await startSession(client);
      const unknown = start.replace(/uploads\/[^?]*/, "uploads/00000000-0000-0000-0000-000000000000");
      await client.expect(404, "PATCH", unknown, { body: Buffer.from("x") });
      await client.expect(404, "GET", unknown);
    }),
    check("mount", "from a named repository", async (client) => {
      const source = client.beside(`mount-source/${algorithm}`);
      const content = blob();
      await pushBlob(source, content, "patch");
      const answer = await client.expect(
        201,
        "POST",
        `blobs/uploads/?mount=${content.digest}&from=${source.repository}`,
      );
      const read = await client.expect(200, "GET", answer.location);
      assert.ok(read.body.equals(content.bytes));
      assert.ok(answer.location.includes(client.repository), "it is in the repository that was asked");
    }),
    check("mount", "without a source", async (client) => {
      const source = client.beside(`mount-source/${algorithm}`);
      const content = blob();
      await pushBlob(source, content, "patch");
      const answer = await client.expect([201, 202], "POST", `blobs/uploads/?mount=${content.digest}`);
      if (answer.status === 201) await client.expect(200, "GET", answer.location);
      else
        await client.expect(201, "PUT", withQuery(answer.location, "digest", content.digest), {
          body: content.bytes,
        });
    }),
    check("mount", "of what is not there starts a session", async (client) => {
      const content = blob();
      const answer = await client.expect(
        202,
        "POST",
        `blobs/uploads/?mount=${content.digest}&from=${client.repository}`,
      );
      await client.expect(201, "PUT", withQuery(answer.location, "digest", content.digest), {
        body: content.bytes,
      });
    }),
    ...(
      [
        ["bytes=500-1499", 206, 500, 1499],
        ["bytes=500-", 206, 500, 2047],
        ["bytes=-500", 206, 1548, 2047],
        ["bytes=2000-5000", 206, 2000, 2047],
        ["bytes=0-0", 206, 0, 0],
        ["bytes=500-0", 416, 0, 0],
        ["bytes=5000-10000", 416, 0, 0],
      ] as const
    ).map(([range, status, start, end]) =>
      check("blobs", `range ${range}`, async (client) => {
        const content = blob();
        await pushBlob(client, content, "post-put");
        const answer = await client.expect(status, "GET", `blobs/${content.digest}`, { headers: { range } });
        if (status === 416) return;
        assert.equal(answer.headers["content-range"], `bytes ${start}-${end}/2048`);
        assert.equal(answer.headers["content-length"], String(end - start + 1));
        assert.ok(answer.body.equals(content.bytes.subarray(start, end + 1)), "the bytes of the range");
      }),
    ),
    check("manifests", "a wrong digest is refused", async (client) => {
      const { bytes } = await image(client);
      await client.expect(400, "PUT", `manifests/${absent}`, {
        headers: { "content-type": types.manifest },
        body: bytes,
      });
      await client.expect(404, "HEAD", `manifests/${absent}`);
    }),
    check("manifests", "missing blobs are refused", async (client) => {
      await pushBlob(client, blob(), "post-put");
      const document = {
        schemaVersion: 2,
        mediaType: types.manifest,
        config: { mediaType: types.config, digest: blob().digest, size: 2048 },
        layers: [],
      };
      await client.expect([400, 404], "PUT", "manifests/broken", {
        headers: { "content-type": types.manifest },
        body: Buffer.from(JSON.stringify(document)),
      });
      await client.expect(404, "GET", "manifests/broken");
    }),
    check("manifests", "what is no manifest is refused", async (client) => {
      await image(client);
      for (const body of ["", "{", "[]", "null", '{"schemaVersion":2}']) {
        await client.expect(400, "PUT", "manifests/broken", {
          headers: { "content-type": types.manifest },
          body: Buffer.from(body),
        });
      }
    }),
    check("manifests", "a tag moves", async (client) => {
      const first = await image(client, "moving");
      const second = await image(client, "moving");
      const read = await client.expect(200, "GET", "manifests/moving", accepting);
      assert.ok(read.body.equals(second.bytes));
      await client.expect(200, "GET", `manifests/${first.digest}`, accepting);
    }),
    check(
      "manifests",
      "many tags at once",
      async (client) => {
        const { bytes, digest } = await image(client);
        const tags = Array.from({ length: 12 }, (_, i) => `many-${i + 10}`);
        const answer = await client.expect(
          201,
          "PUT",
          `manifests/${digest}?${tags.map((tag) => `tag=${tag}`).join("&")}`,
          {
            headers: { "content-type": types.manifest },
            body: bytes,
          },
        );
        const header = answer.headers["oci-tag"];
        const accepted = (Array.isArray(header) ? header : (header ?? "").split(",")).map((tag) =>
          tag.trim(),
        );
        assert.deepEqual(accepted.sort(), tags);
        for (const tag of tags) {
          const head = await client.expect(200, "HEAD", `manifests/${tag}`, accepting);
          assert.equal(head.headers["docker-content-digest"], digest);
        }
      },
      true,
    ),
    check("manifests", "a digest that is deleted takes its tags along", async (client) => {
      const { digest } = await image(client, "gone");
      await client.expect(202, "DELETE", `manifests/${digest}`);
      await client.expect(404, "GET", "manifests/gone");
      await client.expect(404, "DELETE", `manifests/${digest}`);
    }),
    check("tags", "are in order, and paged", async (client) => {
      const { bytes, digest } = await image(client);
      const tags = ["Zeta", "_first", "a", "a-b", "b", "v1.0", "v1.10", "v1.2"];
      for (const tag of [...tags].reverse()) {
        const name = algorithm === "sha256" ? tag : `${digest}?tag=${tag}`;
        await client.expect(201, "PUT", `manifests/${name}`, {
          headers: { "content-type": types.manifest },
          body: bytes,
        });
      }
      const list = async (query: string) => {
        const answer = await client.expect(200, "GET", `tags/list${query}`);
        const { name, tags: listed } = JSON.parse(answer.body.toString()) as { name: string; tags: string[] };
        assert.equal(name, client.repository);
        const link = answer.headers["link"];
        return { listed, link: typeof link === "string" ? link : undefined };
      };
      const all = (await list("")).listed;
      assert.deepEqual([...all].sort(), [...tags].sort());
      const page = await list("?n=3");
      assert.deepEqual(page.listed, all.slice(0, 3));
      const next = /^<([^>]+)>; *rel="?next"?$/.exec(page.link ?? "")?.[1];
      assert.ok(next !== undefined, `a page with more after it has a link: ${page.link}`);
      const more = await client.expect(
        200,
        "GET",
        new URL(next, client.target.url).pathname + new URL(next, client.target.url).search,
      );
      assert.deepEqual(JSON.parse(more.body.toString()).tags, all.slice(3, 6));
      const last = await list(`?n=100&last=${all[5]}`);
      assert.deepEqual(last.listed, all.slice(6));
      assert.equal(last.link, undefined);
    }),
    check("tags", "`last` without `n`", async (client) => {
      await image(client, algorithm === "sha256" ? "one" : undefined);
      const { bytes, digest } = await image(client);
      for (const tag of ["one", "two"]) {
        const name = algorithm === "sha256" ? tag : `${digest}?tag=${tag}`;
        await client.expect(201, "PUT", `manifests/${name}`, {
          headers: { "content-type": types.manifest },
          body: bytes,
        });
      }
      const answer = await client.expect(200, "GET", "tags/list?last=one");
      assert.deepEqual(JSON.parse(answer.body.toString()).tags, ["two"]);
    }),
    check(
      "tags",
      "n=0 is an empty list without a link",
      async (client) => {
        const { bytes, digest } = await image(client);
        await client.expect(201, "PUT", `manifests/${algorithm === "sha256" ? "one" : `${digest}?tag=one`}`, {
          headers: { "content-type": types.manifest },
          body: bytes,
        });
        const answer = await client.expect(200, "GET", "tags/list?n=0");
        assert.deepEqual(JSON.parse(answer.body.toString()).tags ?? [], []);
        assert.equal(answer.headers["link"], undefined);
      },
      true,
    ),
    check("tags", "an unreadable n is refused", async (client) => {
      await image(client);
      for (const n of ["-1", "ten", "1.5"]) await client.expect(400, "GET", `tags/list?n=${n}`);
    }),
    check("ping", "malformed repository names are refused", async (client) => {
      for (const name of ["UPPER", "a//b", "-a", "a/../b", "a%00b", "a b".replace(" ", "%20")]) {
        const answer = await client.send("GET", `/v2/${name}/tags/list`);
        assert.ok([400, 404].includes(answer.status), `${name}: ${answer.status}`);
      }
    }),
  ];
}
