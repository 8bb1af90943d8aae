import { isLadingError, RegistryError } from "../../errors.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import { shortDigest } from "../../spec/digest.ts";
import type { WriteOptions } from "../store.ts";
import { repositoryScope } from "./auth/scope.ts";
import { type CookieJar, createCookieJar } from "./http/cookies.ts";
import type { Answer } from "./http/exchange.ts";
import { resolveLocation } from "./http/redirects.ts";
import { checkDigest } from "./manifests.ts";
import type { RepositorySession } from "./session.ts";

/** A registry may ask for larger pieces, within reason. They are streamed: nothing of this size is ever held. */
const largestMinimum = 1024 * 1024 * 1024;
/** Smaller blobs are sent again sooner than they are looked for. */
const worthJournaling = 1024 * 1024;
const mostMountTries = 3;

/** An upload session of the registry. */
export interface Upload {
  location: URL;
  /** Bytes that the registry has. */
  offset: number;
  minimumChunk: number;
  readonly cookies: CookieJar;
}

/** What is written where, and how the caller wants it. */
export interface Writing {
  readonly session: RepositorySession;
  readonly descriptor: Descriptor;
  readonly options: WriteOptions;
}

/** @returns the session that a registry opened in place of a mount, if any */
export async function mount(writing: Writing): Promise<"mounted" | Upload | undefined> {
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

/** Opens a session. */
export async function start({ session, descriptor, options }: Writing): Promise<Upload> {
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
export function nextLocation(session: RepositorySession, answer: Answer, current: URL | undefined): URL {
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

/**
 * How far a session is after a PATCH from `from` to `sent`: what `Range` says, else what was sent.
 * @returns undefined when the registry has gone back: the session is no use then
 */
export function reached(answer: Answer, from: number, sent: number): number | undefined {
  const end = rangeEnd(answer);
  // Some registries answer 0-0 whatever they have.
  if (end === undefined || end === 0 || end + 1 > sent) return sent;
  return end + 1 > from ? end + 1 : undefined;
}

/** The inclusive end in `Range: 0-<end>`; `bytes=` in front is tolerated. */
function rangeEnd(answer: Answer): number | undefined {
  const end = /^(?:bytes=)?0-([0-9]{1,15})$/.exec(answer.headers.get("range")?.trim() ?? "")?.[1];
  return end === undefined ? undefined : Number(end);
}

/** Asks the registry how far a session is. @returns undefined when it is not there, or nothing can be told from the answer */
export async function status(
  writing: Writing,
  location: URL,
  cookies: CookieJar,
): Promise<Upload | undefined> {
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

/** Remembers where the session goes on, for a run after this one. */
export async function journal({ session, descriptor }: Writing, upload: Upload): Promise<void> {
  if (session.journal === undefined || descriptor.size < worthJournaling) return;
  // A session on another host may carry a signature in its URL: that is not written down.
  if (upload.location.origin !== (await session.base()).origin) return;
  await session.journal.keep(descriptor.digest, upload.location);
}

/** A session that a former run left, when the registry still has it. */
export async function findJournaled(writing: Writing): Promise<Upload | undefined> {
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
export function mayGoOnLater({ session, descriptor, options }: Writing, error: unknown): boolean {
  if (session.journal === undefined || descriptor.size < worthJournaling) return false;
  return options.signal?.aborted === true || (isLadingError(error) && error.retryable);
}

/** Gives an unfinished session back. Its failure is nobody's. */
export async function cancel({ session, descriptor }: Writing, upload: Upload): Promise<void> {
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
