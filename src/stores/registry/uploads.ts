import type { Body } from "../../bytes/body.ts";
import { isLadingError, type LadingError, RegistryError } from "../../errors.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import { shortDigest } from "../../spec/digest.ts";
import type { WriteOptions, Written } from "../store.ts";
import { repositoryScope } from "./auth/scope.ts";
import { type CookieJar, createCookieJar } from "./http/cookies.ts";
import type { Answer } from "./http/exchange.ts";
import { resolveLocation } from "./http/redirects.ts";
import { checkDigest } from "./manifests.ts";
import { hasNode } from "./presence.ts";
import type { RepositorySession } from "./session.ts";
import { createUploadSource, type UploadSource } from "./upload-source.ts";

/** First size of pieces where a registry does not take a blob at once. */
const chunkBytes = 8 * 1024 * 1024;
const smallestChunk = 256 * 1024;
/** A registry may ask for larger pieces, within reason. They are streamed: nothing of this size is ever held. */
const largestMinimum = 1024 * 1024 * 1024;
/** Smaller blobs are sent again sooner than they are looked for. */
const worthJournaling = 1024 * 1024;
/** Registries hash and store at the end of an upload before they answer. */
const finishTimeoutMs = 300_000;
const mostMountTries = 3;
/** An upload that got this much further since its last failure counts its attempts anew. */
const progressThatCounts = 1024 * 1024;

/** An upload session of the registry. */
interface Upload {
  location: URL;
  /** Bytes that the registry has. */
  offset: number;
  minimumChunk: number;
  readonly cookies: CookieJar;
}

interface Writing {
  readonly session: RepositorySession;
  readonly descriptor: Descriptor;
  readonly options: WriteOptions;
}

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

/** @returns the session that a registry opened in place of a mount, if any */
async function mount(writing: Writing): Promise<"mounted" | Upload | undefined> {
  const { session, descriptor, options } = writing;
  if (session.quirks.noMount === true) return undefined;
  const candidates = (options.mountFrom ?? []).filter(
    ({ registry, repository }) => registry === session.registry && repository !== session.repository,
  );
  let upload: Upload | undefined;
  for (const { repository } of candidates.slice(0, mostMountTries)) {
    if (!(await session.sameCredential(repository, options.signal))) continue;
    const cookies = createCookieJar();
    const answer = await session.send({
      method: "POST",
      to: `blobs/uploads/?${new URLSearchParams({ mount: descriptor.digest, from: repository })}`,
      what: `mount blob ${shortDigest(descriptor.digest)} from ${repository}`,
      access: "push",
      alsoScopes: [repositoryScope(repository, ["pull"])],
      expect: [201, 202, 400, 401, 403, 404, 405],
      cookies,
      signal: options.signal,
    });
    await answer.discard();
    if (answer.status === 201) {
      checkDigest(answer, descriptor.digest, session.label);
      if (upload !== undefined) await cancel(writing, upload);
      return "mounted";
    }
    if (answer.status === 202) {
      if (upload !== undefined) await cancel(writing, upload);
      upload = await uploadOf(session, answer, cookies);
    }
  }
  return upload;
}

async function start({ session, descriptor, options }: Writing): Promise<Upload> {
  const cookies = createCookieJar();
  const algorithm = descriptor.digest.startsWith("sha256:") ? "" : "?digest-algorithm=sha512";
  const answer = await session.send({
    method: "POST",
    to: `blobs/uploads/${algorithm}`,
    what: `start the upload of blob ${shortDigest(descriptor.digest)}`,
    access: "push",
    expect: [202],
    cookies,
    signal: options.signal,
  });
  await answer.discard();
  return uploadOf(session, answer, cookies);
}

async function uploadOf(session: RepositorySession, answer: Answer, cookies: CookieJar): Promise<Upload> {
  const minimum = Number(answer.headers.get("oci-chunk-min-length") ?? 0);
  return {
    location: nextLocation(session, answer, undefined),
    // `Range: 0-0` of a new session says nothing: it is new, so it is empty.
    offset: 0,
    minimumChunk: Number.isSafeInteger(minimum) && minimum > 0 ? Math.min(minimum, largestMinimum) : 0,
    cookies,
  };
}

/** Where the session goes on, resolved against the URL that answered. */
function nextLocation(session: RepositorySession, answer: Answer, current: URL | undefined): URL {
  const location = answer.headers.get("location");
  if (location !== undefined) return resolveLocation(location, answer.url, session.label);
  if (current !== undefined) return current;
  throw new RegistryError(
    "ERR_LADING_REGISTRY",
    "the registry opened an upload without saying where",
    { status: answer.status, method: "POST", url: session.label, errors: [] },
    { place: session.label },
  );
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
      upload.offset = reached(answer, from + length);
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

/** What a `Range` in the answer says is there, else what was sent. */
function reached(answer: Answer, sent: number): number {
  const end = rangeEnd(answer);
  return end === undefined || end + 1 > sent ? sent : end + 1;
}

/** The inclusive end in `Range: 0-<end>`; `bytes=` in front is tolerated. */
function rangeEnd(answer: Answer): number | undefined {
  const end = /^(?:bytes=)?0-([0-9]{1,15})$/.exec(answer.headers.get("range")?.trim() ?? "")?.[1];
  return end === undefined ? undefined : Number(end);
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

async function status(writing: Writing, location: URL, cookies: CookieJar): Promise<Upload | undefined> {
  const { session, descriptor, options } = writing;
  let answer: Answer;
  try {
    answer = await session.send({
      method: "GET",
      to: location,
      what: `ask how far the upload of blob ${shortDigest(descriptor.digest)} is`,
      access: "push",
      expect: [204, 202, 200],
      attempts: 2,
      cookies,
      signal: options.signal,
    });
    await answer.discard();
  } catch (error) {
    options.signal?.throwIfAborted();
    if (isLadingError(error)) return undefined;
    throw error;
  }
  const end = rangeEnd(answer);
  // 0-0 may mean none or one byte, and more than the blob is not this blob.
  if (end === undefined || end === 0 || end + 1 > descriptor.size) return undefined;
  return { location: nextLocation(session, answer, location), offset: end + 1, minimumChunk: 0, cookies };
}

async function isThere({ session, descriptor, options }: Writing): Promise<boolean> {
  const node = { kind: "blob", descriptor } as const;
  session.memo.learn(node, undefined);
  return hasNode(session, node, options.signal);
}

async function journal({ session, descriptor }: Writing, upload: Upload): Promise<void> {
  if (session.journal === undefined || descriptor.size < worthJournaling) return;
  // A session on another host may carry a signature in its URL: that is not written down.
  if (upload.location.origin !== (await session.base()).origin) return;
  await session.journal.keep(descriptor.digest, upload.location);
}

/** A session that a former run left, when the registry still has it. */
async function findJournaled(writing: Writing): Promise<Upload | undefined> {
  const { session, descriptor, options } = writing;
  if (session.quirks.noChunks === true) return undefined;
  const location = await session.journal?.find(descriptor.digest);
  if (location === undefined) return undefined;
  const base = await session.base(options.signal);
  const upload =
    location.origin === base.origin ? await status(writing, location, createCookieJar()) : undefined;
  if (upload === undefined) await session.journal?.drop(descriptor.digest);
  return upload;
}

/** Whether the next run can go on with this session: then it is left as it is. */
function mayGoOnLater({ session, descriptor, options }: Writing, error: unknown): boolean {
  if (session.journal === undefined || descriptor.size < worthJournaling) return false;
  return options.signal?.aborted === true || (isLadingError(error) && error.retryable);
}

/** Gives an unfinished session back. Its failure is nobody's. */
async function cancel({ session, descriptor }: Writing, upload: Upload): Promise<void> {
  await session.journal?.drop(descriptor.digest);
  try {
    const answer = await session.send({
      method: "DELETE",
      to: upload.location,
      what: "cancel an upload",
      access: "push",
      expect: [204, 202, 200, 400, 401, 403, 404, 405],
      attempts: 1,
      cookies: upload.cookies,
      signal: AbortSignal.timeout(5000),
    });
    await answer.discard();
  } catch (error) {
    session.on({
      type: "debug",
      message: `an upload could not be cancelled: ${isLadingError(error) ? error.code : "time-out"}`,
    });
  }
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
