import { take } from "../../bytes/stream.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import type { Digest } from "../../spec/digest.ts";
import { mediaTypes } from "../../spec/media-type.ts";
import { type Context, knownRepository } from "../context.ts";
import { requestedDigest } from "../digests.ts";
import { Fault } from "../errors.ts";
import { parseRange } from "../ranges.ts";

function unknownBlob(digest: Digest): Fault {
  return new Fault(404, "BLOB_UNKNOWN", "there is no such blob in this repository", { detail: { digest } });
}

/** end-2: a blob or a range of it. */
export async function getBlob(context: Context, name: string, reference: string): Promise<void> {
  const { exchange } = context;
  const digest = requestedDigest(reference);
  const repository = await knownRepository(context, name);
  const size = await repository.content.blobSize(digest);
  if (size === undefined) throw unknownBlob(digest);
  const descriptor: Descriptor = { mediaType: mediaTypes.octetStream, digest, size };
  // Who asks whether a blob is here will rely on it.
  if (exchange.method === "HEAD") await repository.content.used(descriptor);
  const etag = `"${digest}"`;
  const headers = {
    "content-type": mediaTypes.octetStream,
    "docker-content-digest": digest,
    "accept-ranges": "bytes",
    etag,
    "cache-control": "private, max-age=31536000, immutable",
    "x-content-type-options": "nosniff",
  };
  if (exchange.header("if-none-match") === etag) return exchange.send(304, headers);
  const condition = exchange.header("if-range");
  const wanted = condition === undefined || condition === etag ? exchange.header("range") : undefined;
  const range = parseRange(wanted, size);
  if (range === "unsatisfiable") {
    throw new Fault(416, "RANGE_INVALID", `the blob has ${size} bytes`, {
      headers: { "content-range": `bytes */${size}`, "docker-content-digest": digest },
    });
  }
  const body = repository.store.body({ kind: "blob", descriptor });
  if (range === undefined) {
    return exchange.sendStream(200, headers, size, () => body.open({ offset: 0 }));
  }
  const count = range.end - range.start + 1;
  return exchange.sendStream(
    206,
    { ...headers, "content-range": `bytes ${range.start}-${range.end}/${size}` },
    count,
    async () => take(await body.open({ offset: range.start }), count),
  );
}

/** end-10 */
export async function deleteBlob(context: Context, name: string, reference: string): Promise<void> {
  const digest = requestedDigest(reference);
  const repository = await knownRepository(context, name);
  const removed = await repository.lock.exclusive(async () => {
    const size = await repository.content.blobSize(digest);
    if (size === undefined) return false;
    const descriptor: Descriptor = { mediaType: mediaTypes.octetStream, digest, size };
    return repository.store.remove({ kind: "blob", descriptor });
  });
  if (!removed) throw unknownBlob(digest);
  await context.exchange.send(202, { "docker-content-digest": digest });
}
