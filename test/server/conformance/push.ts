import assert from "node:assert/strict";
import { type Client, withQuery } from "./client.ts";
import type { Blob, ManifestData } from "./data.ts";

/** The ways to upload a blob (distribution-spec, "Pushing blobs"). */
export type UploadMode = "post" | "post-put" | "patch" | "chunks" | "last chunk in put" | "stream";
export const uploadModes: readonly UploadMode[] = [
  "post",
  "post-put",
  "patch",
  "chunks",
  "last chunk in put",
  "stream",
];

const octets = { "content-type": "application/octet-stream" };

/** Starts a session. */
export async function startSession(client: Client, query = ""): Promise<string> {
  const answer = await client.expect(202, "POST", `blobs/uploads/${query}`);
  assert.notEqual(answer.location, "", "the session has a Location");
  return answer.location;
}

export function chunkHeaders(start: number, length: number): Record<string, string> {
  return { ...octets, "content-range": `${start}-${start + length - 1}` };
}

/** Uploads a blob and checks all answers; `expected` is the status of the last one. */
export async function pushBlob(
  client: Client,
  blob: Blob,
  mode: UploadMode,
  expected: number | readonly number[] = 201,
): Promise<void> {
  const { digest, bytes } = blob;
  let end: Awaited<ReturnType<Client["expect"]>>;
  if (mode === "post") {
    const answer = await client.send("POST", `blobs/uploads/?digest=${digest}`, {
      headers: octets,
      body: bytes,
    });
    // 202: not supported, the session that was started is to be used (distribution-spec, "Single POST").
    end =
      answer.status === 202
        ? await client.expect(expected, "PUT", withQuery(answer.location, "digest", digest), {
            headers: octets,
            body: bytes,
          })
        : answer;
    const wanted = typeof expected === "number" ? [expected] : expected;
    assert.ok(wanted.includes(end.status), `POST with digest gave ${end.status}`);
  } else {
    let location = await startSession(client);
    let rest: Uint8Array | undefined;
    if (mode === "post-put") rest = bytes;
    else if (mode === "patch") location = await patch(client, location, bytes, octets, bytes.byteLength);
    else if (mode === "stream")
      location = await patch(client, location, pieces(bytes), octets, bytes.byteLength);
    else {
      const third = Math.max(1, Math.ceil(bytes.byteLength / 3));
      const stop = mode === "chunks" ? bytes.byteLength : Math.min(2 * third, bytes.byteLength - 1);
      for (let at = 0; at < stop; at += third) {
        const chunk = bytes.subarray(at, Math.min(at + third, stop));
        location = await patch(
          client,
          location,
          chunk,
          chunkHeaders(at, chunk.byteLength),
          at + chunk.byteLength,
        );
      }
      if (mode === "last chunk in put") rest = bytes.subarray(Math.max(0, stop));
    }
    const headers =
      mode === "last chunk in put" && rest !== undefined && rest.byteLength > 0
        ? chunkHeaders(bytes.byteLength - rest.byteLength, rest.byteLength)
        : octets;
    end = await client.expect(expected, "PUT", withQuery(location, "digest", digest), {
      headers,
      ...(rest === undefined ? {} : { body: rest }),
    });
  }
  if (end.status !== 201) return;
  assert.notEqual(end.location, "", "a new blob has a Location");
  const read = await client.expect(200, "GET", end.location);
  assert.ok(read.body.equals(bytes), "the Location of a new blob gives its bytes");
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  const step = Math.max(1, Math.ceil(bytes.byteLength / 4));
  for (let at = 0; at < bytes.byteLength; at += step) yield bytes.subarray(at, at + step);
}

async function patch(
  client: Client,
  location: string,
  body: Uint8Array | AsyncIterable<Uint8Array>,
  headers: Record<string, string>,
  total: number,
): Promise<string> {
  const answer = await client.expect(202, "PATCH", location, { headers, body });
  assert.notEqual(answer.location, "", "a chunk is answered with the next Location");
  if (total > 0) assert.equal(answer.headers["range"], `0-${total - 1}`);
  return answer.location;
}

/** Pushes a manifest by its digest, and by tag when it has one. */
export async function pushManifest(client: Client, manifest: ManifestData): Promise<void> {
  const headers = { "content-type": manifest.mediaType };
  const sha256 = manifest.digest.startsWith("sha256:");
  const names = [
    ...(manifest.tag === undefined || !sha256 ? [manifest.digest] : []),
    // A tag alone does not tell the algorithm: other digests come with the tag as a parameter.
    ...(manifest.tag === undefined ? [] : [sha256 ? manifest.tag : `${manifest.digest}?tag=${manifest.tag}`]),
  ];
  for (const name of names) {
    const answer = await client.expect(201, "PUT", `manifests/${name}`, { headers, body: manifest.bytes });
    assert.equal(answer.headers["docker-content-digest"], manifest.digest);
    assert.notEqual(answer.location, "", "a new manifest has a Location");
    if (manifest.subject !== undefined) assert.equal(answer.headers["oci-subject"], manifest.subject);
    else assert.equal(answer.headers["oci-subject"], undefined);
    const read = await client.expect(200, "GET", answer.location, {
      headers: { accept: manifest.mediaType },
    });
    assert.ok(read.body.equals(manifest.bytes), "the Location of a new manifest gives its bytes");
  }
}
