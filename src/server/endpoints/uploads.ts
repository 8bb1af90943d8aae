import type { ByteStream } from "../../bytes/stream.ts";
import { type Algorithm, algorithmOf, type Digest } from "../../spec/digest.ts";
import { mediaTypes } from "../../spec/media-type.ts";
import { type Context, knownRepository } from "../context.ts";
import { requestedDigest } from "../digests.ts";
import { Fault } from "../errors.ts";
import { heldRange, parseContentRange } from "../ranges.ts";
import type { Repository } from "../repositories/repository.ts";
import { type Session, unknownUpload } from "../sessions.ts";
import { mountBlob } from "./mount.ts";

/** end-4a, 4b, 4c and 11: a session, a whole blob in one request, or a mount. */
export async function startUpload(context: Context, name: string): Promise<void> {
  const { exchange, sessions } = context;
  const { query } = exchange;
  const mount = query.get("mount");
  const whole = query.get("digest");
  const hint = query.get("digest-algorithm");
  const mounted = mount === null ? undefined : requestedDigest(mount);
  const expected = whole === null ? undefined : requestedDigest(whole);
  const algorithm = hint === null ? undefined : namedAlgorithm(hint);
  const repository = await context.repositories.open(name);
  if (mounted !== undefined && (await mountBlob(context, repository, mounted, query.get("from")))) {
    return blobCreated(context, repository, mounted);
  }
  const likely = expected ?? mounted;
  const session = await sessions.start(
    repository,
    algorithm ?? (likely === undefined ? undefined : algorithmOf(likely)),
  );
  if (expected === undefined) {
    await exchange.send(202, sessionHeaders(context, session));
    return;
  }
  await sessions.hold(session, async (signal) => {
    try {
      await append(context, session, signal);
      await finish(context, session, expected);
    } catch (error) {
      // Nobody was told of this session: nobody can go on with it.
      sessions.end(session);
      await session.upload.discard();
      throw error;
    }
  });
  await blobCreated(context, repository, expected);
}

/** end-5: the next chunk, or a stream of unknown length. */
export async function patchUpload(context: Context, name: string, id: string): Promise<void> {
  const { exchange, sessions, settings } = context;
  const session = await knownSession(context, name, id);
  await sessions.hold(session, async (signal) => {
    const length = checkOrder(context, session);
    if (
      exchange.header("content-range") !== undefined &&
      (exchange.contentLength ?? 0) < settings.minChunkBytes
    ) {
      throw new Fault(400, "SIZE_INVALID", `a chunk must have ${settings.minChunkBytes} bytes at least`, {
        headers: sessionHeaders(context, session),
      });
    }
    await append(context, session, signal, length);
  });
  await exchange.send(202, sessionHeaders(context, session));
}

/** end-6: the rest of the blob, if any, and its digest. */
export async function putUpload(context: Context, name: string, id: string): Promise<void> {
  const { exchange, sessions } = context;
  const digest = requestedDigest(exchange.query.get("digest"));
  const session = await knownSession(context, name, id);
  await sessions.hold(session, async (signal) => {
    const length = checkOrder(context, session);
    await append(context, session, signal, length);
    await finish(context, session, digest);
  });
  await blobCreated(context, session.repository, digest);
}

/** end-13: how far the upload has come. */
export async function getUpload(context: Context, name: string, id: string): Promise<void> {
  const session = await knownSession(context, name, id);
  await context.exchange.send(204, sessionHeaders(context, session));
}

/** end-14 */
export async function cancelUpload(context: Context, name: string, id: string): Promise<void> {
  const { sessions } = context;
  const session = await knownSession(context, name, id);
  await sessions.hold(session, async () => {
    sessions.end(session);
    await session.upload.discard();
  });
  await context.exchange.send(204);
}

async function knownSession(context: Context, name: string, id: string): Promise<Session> {
  const repository = await knownRepository(context, name);
  const session = await context.sessions.find(repository, id);
  if (session === undefined) throw unknownUpload();
  return session;
}

/**
 * A chunk must start where the session stands. The Location carries that offset, too, so that a client which goes on from an
 * old answer is told instead of corrupting the blob.
 * @returns bytes that the chunk says it has, if it says so
 */
function checkOrder(context: Context, session: Session): number | undefined {
  const { exchange } = context;
  const { offset } = session.upload;
  const outOfOrder = (message: string) =>
    new Fault(416, "BLOB_UPLOAD_INVALID", message, { headers: sessionHeaders(context, session) });
  const state = exchange.query.get("_state");
  if (state !== null && state !== stateOf(offset)) {
    throw outOfOrder(`the session holds ${offset} bytes; this is an old location of it`);
  }
  const header = exchange.header("content-range");
  const length = exchange.contentLength;
  if (header === undefined) return length;
  const range = parseContentRange(header, length);
  if (range === undefined) throw new Fault(400, "BLOB_UPLOAD_INVALID", "Content-Range is not <start>-<end>");
  if (range.start !== offset)
    throw outOfOrder(`the next chunk must start at ${offset}, not at ${range.start}`);
  const count = range.end - range.start + 1;
  if (length !== undefined && length !== count) throw contradiction();
  return count;
}

function contradiction(): Fault {
  return new Fault(400, "SIZE_INVALID", "Content-Range and the body contradict each other");
}

async function append(
  context: Context,
  session: Session,
  signal: AbortSignal,
  length?: number,
): Promise<void> {
  const { upload } = session;
  const left = context.settings.limits.blobBytes - upload.offset;
  const body = context.exchange.body(left, "a blob", signal);
  await upload.append(length === undefined ? body : exactly(body, length));
}

/** HTTP holds a body to its Content-Length; a Content-Range alone it does not. */
async function* exactly(body: ByteStream, length: number): AsyncGenerator<Uint8Array> {
  let left = length;
  for await (const chunk of body) {
    left -= chunk.byteLength;
    if (left < 0) throw contradiction();
    yield chunk;
  }
  if (left > 0) throw contradiction();
}

async function finish(context: Context, session: Session, digest: Digest): Promise<void> {
  const { content } = session.repository;
  // Noted before the blob shows: a collection that runs right then must see it.
  await content.used({ mediaType: mediaTypes.octetStream, digest, size: session.upload.offset });
  // Whether it ends well or not, the upload is gone then.
  context.sessions.end(session);
  await session.upload.finish(digest);
}

async function blobCreated(context: Context, repository: Repository, digest: Digest): Promise<void> {
  await context.exchange.send(201, {
    location: `/v2/${repository.name}/blobs/${digest}`,
    "docker-content-digest": digest,
  });
}

function sessionHeaders(context: Context, session: Session): Record<string, string> {
  const { upload, repository } = session;
  const { minChunkBytes } = context.settings;
  return {
    location: `/v2/${repository.name}/blobs/uploads/${upload.id}?_state=${stateOf(upload.offset)}`,
    range: heldRange(upload.offset),
    "docker-upload-uuid": upload.id,
    ...(minChunkBytes > 0 ? { "oci-chunk-min-length": String(minChunkBytes) } : {}),
  };
}

function stateOf(offset: number): string {
  return Buffer.from(`offset=${offset}`).toString("base64url");
}

function namedAlgorithm(text: string): Algorithm {
  if (text === "sha256" || text === "sha512") return text;
  throw new Fault(400, "DIGEST_INVALID", "blobs are checked with sha256 or sha512 here", {
    detail: { algorithm: text.slice(0, 64) },
  });
}
