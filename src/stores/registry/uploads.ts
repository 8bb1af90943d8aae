import type { Body } from "../../bytes/body.ts";
import { isLadingError, type LadingError, RegistryError } from "../../errors.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import { shortDigest } from "../../spec/digest.ts";
import type { WriteOptions, Written } from "../store.ts";
import type { Answer } from "./http/exchange.ts";
import { checkDigest } from "./manifests.ts";
import { hasNode } from "./presence.ts";
import type { RepositorySession } from "./session.ts";
import {
  cancel,
  findJournaled,
  journal,
  mayGoOnLater,
  mount,
  nextLocation,
  reached,
  start,
  status,
  type Upload,
  type Writing,
} from "./upload-session.ts";
import { createUploadSource, type UploadSource } from "./upload-source.ts";

/** First size of pieces where a registry does not take a blob at once. */
const chunkBytes = 8 * 1024 * 1024;
const smallestChunk = 256 * 1024;
/** Registries hash and store at the end of an upload before they answer. */
const finishTimeoutMs = 300_000;
/** An upload that got this much further since its last failure counts its attempts anew. */
const progressThatCounts = 1024 * 1024;

/**
 * Brings a blob into the repository with the fewest requests: mount where it is known to be, else one PUT, else chunks;
 * goes on where the registry's session stands after a failure.
 */
export async function writeBlob(
  session: RepositorySession,
  descriptor: Descriptor,
  body: Body,
  options: WriteOptions,
): Promise<Written> {
  const node = { kind: "blob", descriptor } as const;
  const writing: Writing = { session, descriptor, options };
  if (session.memo.presence(node) === true) return "present";
  let upload = await findJournaled(writing);
  if (upload === undefined) {
    const mounted = await mount(writing);
    if (mounted === "mounted") {
      session.memo.learn(node, true);
      return "mounted";
    }
    upload = mounted;
  }
  if (
    upload === undefined &&
    options.knownAbsent !== true &&
    (await hasNode(session, node, options.signal))
  ) {
    return "present";
  }
  const how = await transfer(writing, body, upload);
  session.memo.learn(node, true);
  return how;
}

/** Sends the bytes until the blob is there, through failures as far as the retry policy goes. */
async function transfer(writing: Writing, body: Body, opened: Upload | undefined): Promise<Written> {
  const { session, descriptor, options } = writing;
  const source = createUploadSource(body, descriptor, session.label);
  const report = createReport(writing);
  let upload = opened;
  let chunk: number | undefined;
  let restarts = 0;
  let failures = 0;
  let reachedBefore = 0;
  try {
    for (;;) {
      try {
        if (upload === undefined) {
          upload = await start(writing);
          await journal(writing, upload);
        }
        report.from(upload.offset);
        await send(writing, source, upload, chunk, report);
        await session.journal?.drop(descriptor.digest);
        return "written";
      } catch (error) {
        options.signal?.throwIfAborted();
        if (!(error instanceof UploadFailure)) throw error;
        const failure = error.cause;
        const smaller = smallerChunk(failure, chunk, upload?.minimumChunk ?? 0);
        if (smaller !== undefined && session.quirks.noChunks !== true) {
          chunk = smaller;
        } else if (isSessionLost(failure)) {
          // Not a matter of waiting, but of how often.
          if (++restarts >= session.exchange.retry.attempts) throw failure;
        } else {
          const what = `write blob ${shortDigest(descriptor.digest)}`;
          const { signal } = options;
          await session.exchange.waitToRetry(failure, ++failures, {
            registry: session.registry,
            what,
            signal,
          });
        }
        upload = upload === undefined ? undefined : await goOn(writing, upload, failure);
        if (upload !== undefined && upload.offset - reachedBefore >= progressThatCounts) failures = 0;
        reachedBefore = upload?.offset ?? 0;
        // The answer of the last request may be what was lost.
        if (upload === undefined && (await isThere(writing))) return "written";
      }
    }
  } catch (error) {
    if (upload !== undefined && !mayGoOnLater(writing, error)) await cancel(writing, upload);
    throw error;
  } finally {
    await source.close();
  }
}

/** A failure of the registry's side of an upload, as opposed to its source's. */
class UploadFailure extends Error {
  declare readonly cause: LadingError;
  constructor(cause: LadingError) {
    super(cause.message, { cause });
  }
}

/** One go: everything in one PUT, or PATCHes and a closing PUT. */
async function send(
  writing: Writing,
  source: UploadSource,
  upload: Upload,
  chunk: number | undefined,
  report: Report,
): Promise<void> {
  const { session, descriptor, options } = writing;
  const { size, digest } = descriptor;
  const bodyOf = (from: number, length: number) => ({
    size: length,
    open: async (signal: AbortSignal | undefined) => {
      report.from(from);
      return counted(source.read(from, length, signal), report.sent);
    },
  });
  const common = {
    access: "push",
    attempts: 1,
    lane: "upload",
    cookies: upload.cookies,
    signal: options.signal,
  } as const;
  const what = `write blob ${shortDigest(digest)}`;
  const whole = chunk === undefined && upload.offset === 0;
  if (!whole) {
    while (upload.offset < size) {
      const length = Math.min(
        size - upload.offset,
        chunk === undefined ? size : Math.max(chunk, upload.minimumChunk),
      );
      const from = upload.offset;
      const answer = await guarded(source, () =>
        session.send({
          ...common,
          method: "PATCH",
          to: upload.location,
          what,
          headers: {
            "content-type": "application/octet-stream",
            "content-range": `${from}-${from + length - 1}`,
          },
          body: bodyOf(from, length),
          expect: [202, 201, 204],
          headersTimeoutMs: finishTimeoutMs,
        }),
      );
      await answer.discard();
      upload.location = nextLocation(session, answer, upload.location);
      const offset = reached(answer, from, from + length);
      if (offset === undefined) throw new UploadFailure(lostGround(answer, session.label));
      upload.offset = offset;
      await journal(writing, upload);
    }
  }
  if (size === 0) for await (const _ of source.read(0, 0, options.signal));
  const url = new URL(upload.location);
  url.searchParams.append("digest", digest);
  const answer = await guarded(source, () =>
    session.send({
      ...common,
      method: "PUT",
      to: url,
      what,
      headers: { "content-type": "application/octet-stream" },
      body: bodyOf(whole ? 0 : size, whole ? size : 0),
      expect: [201, 204],
      headersTimeoutMs: finishTimeoutMs,
    }),
  );
  await answer.discard();
  checkDigest(answer, digest, session.label);
}

async function guarded(source: UploadSource, request: () => Promise<Answer>): Promise<Answer> {
  try {
    return await request();
  } catch (error) {
    if (!source.threw(error) && isLadingError(error)) throw new UploadFailure(error);
    throw error;
  }
}

async function* counted(
  stream: AsyncGenerator<Uint8Array>,
  on: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) {
    yield chunk;
    on(chunk.byteLength);
  }
}

/** A size to try after this failure; undefined when size is not the trouble, or cannot shrink further. */
function smallerChunk(failure: LadingError, chunk: number | undefined, minimum: number): number | undefined {
  if (!(failure instanceof RegistryError)) return undefined;
  const tooLarge = failure.status === 413;
  const wholeRefused = chunk === undefined && [405, 501, 408, 499, 504].includes(failure.status);
  if (!tooLarge && !wholeRefused) return undefined;
  const next = chunk === undefined ? chunkBytes : Math.floor(chunk / 4);
  return next < Math.max(smallestChunk, Math.min(minimum, chunkBytes)) ? undefined : next;
}

/** Like a 416: the session does not stand where it stood. */
function lostGround(answer: Answer, place: string): RegistryError {
  return new RegistryError(
    "ERR_LADING_REGISTRY",
    "the registry keeps losing what was uploaded",
    { status: 416, method: "PATCH", url: answer.url.origin, errors: [] },
    { place, hint: "the registry, or a load balancer in front of it, mixes up upload sessions" },
  );
}

/** The session is gone, or its bytes are not ours: a new one can do better at once. */
function isSessionLost(failure: LadingError): boolean {
  if (!(failure instanceof RegistryError)) return false;
  return (
    failure.status === 404 ||
    failure.status === 416 ||
    (failure.status === 400 &&
      failure.errors.some((entry) => /^(?:BLOB_UPLOAD_|DIGEST_INVALID|SIZE_INVALID)/.test(entry.code)))
  );
}

/** Asks the registry how far the session is. @returns undefined when only a new one will do */
async function goOn(writing: Writing, upload: Upload, failure: LadingError): Promise<Upload | undefined> {
  const damaged =
    failure.code === "ERR_LADING_DIGEST_MISMATCH" || failure.code === "ERR_LADING_SIZE_MISMATCH";
  const known = damaged ? undefined : await status(writing, upload.location, upload.cookies);
  if (known !== undefined) return { ...known, minimumChunk: upload.minimumChunk };
  await cancel(writing, upload);
  return undefined;
}

async function isThere({ session, descriptor, options }: Writing): Promise<boolean> {
  const node = { kind: "blob", descriptor } as const;
  session.memo.learn(node, undefined);
  return hasNode(session, node, options.signal);
}

/** Tells of progress so that a listener's sum is what has gone out: what is sent again is taken back first. */
interface Report {
  /** The next bytes are those at this offset. */
  from(offset: number): void;
  sent(bytes: number): void;
}

function createReport({ session, descriptor, options }: Writing): Report {
  const { on } = options;
  const to = session.label;
  let position: number | undefined;
  return {
    from: (offset) => {
      if (position === undefined) on?.({ type: "started", descriptor, to, offset });
      else if (position !== offset) on?.({ type: "restarted", descriptor, to, offset });
      position = offset;
    },
    sent: (bytes) => {
      position = (position ?? 0) + bytes;
      on?.({ type: "progress", descriptor, to, bytes });
    },
  };
}
