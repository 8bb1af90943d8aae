/**
 * The one error class of Lading and its subclasses with data. Codes are stable: programs may branch on them,
 * and `cli/` maps each to an exit code. Messages name what happened and where; `hint` says what to do next.
 */

/** Every code that Lading can throw, with the meaning that a program may rely on. */
export const errorCodes = {
  /** The call itself is wrong: a bad flag, option or combination. */
  ERR_LADING_USAGE: "usage",
  /** A reference, place, tag, digest or platform does not follow its grammar. */
  ERR_LADING_REFERENCE: "usage",
  /** A tag, manifest, blob, repository, file or upload session is not there. */
  ERR_LADING_NOT_FOUND: "not-found",
  /** Content that is needed is neither at the source nor at the destination. */
  ERR_LADING_MISSING_CONTENT: "not-found",
  /** The other side wants credentials and refused ours, or had none to try. */
  ERR_LADING_UNAUTHORIZED: "denied",
  /** The credentials are good and still do not allow this. */
  ERR_LADING_DENIED: "denied",
  /** Bytes do not have the digest that was asked for. */
  ERR_LADING_DIGEST_MISMATCH: "integrity",
  /** There are fewer or more bytes than the descriptor says. */
  ERR_LADING_SIZE_MISMATCH: "integrity",
  /** A manifest, index, config, layout file or lock is malformed or ambiguous. */
  ERR_LADING_DOCUMENT: "failed",
  /** An archive (tar, gzip, zstd, zip) is malformed or cut short. */
  ERR_LADING_ARCHIVE: "failed",
  /** A limit on hostile or accidental size was passed. */
  ERR_LADING_LIMIT: "failed",
  /** A path would leave its folder, or is not safe to create. */
  ERR_LADING_UNSAFE_PATH: "failed",
  /** The host could not be reached, or the connection broke for good. */
  ERR_LADING_NETWORK: "failed",
  /** The TLS certificate of the other side is not trusted. */
  ERR_LADING_TLS: "failed",
  /** A registry answered something that the protocol does not allow, or an error of its own. */
  ERR_LADING_REGISTRY: "failed",
  /** The registry asked to slow down, and kept asking. */
  ERR_LADING_RATE_LIMITED: "failed",
  /** The disk or file system refused: full, read-only, no permission. */
  ERR_LADING_STORE: "failed",
  /** Another process holds the lock, or changed the same thing at the same time. */
  ERR_LADING_CONFLICT: "failed",
  /** The operation is understood and cannot be done here (media type, feature of the other side). */
  ERR_LADING_UNSUPPORTED: "failed",
  /** Some of many parts failed; the error's `errors` list each of them. */
  ERR_LADING_PARTIAL: "partial",
} as const;

export type ErrorCode = keyof typeof errorCodes;

export interface LadingErrorOptions {
  /** Where it happened, for people: a store's label, a file, a URL without secrets. */
  readonly place?: string;
  /** What to do next, one sentence. */
  readonly hint?: string;
  /** Whether doing the very same again may succeed. Default false. */
  readonly retryable?: boolean;
  readonly cause?: unknown;
}

const brand = Symbol.for("lading.error");

/** Base of all errors that Lading throws on purpose. Aborts are not wrapped: `signal.reason` is rethrown. */
export class LadingError extends Error {
  override readonly name: string = "LadingError";
  readonly code: ErrorCode;
  readonly place: string | undefined;
  readonly hint: string | undefined;
  readonly retryable: boolean;

  constructor(code: ErrorCode, message: string, options: LadingErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.place = options.place;
    this.hint = options.hint;
    this.retryable = options.retryable ?? false;
    Object.defineProperty(this, brand, { value: true });
  }
}

/** Whether `error` is a LadingError, also when it comes from another copy of this module. */
export function isLadingError(error: unknown): error is LadingError {
  return typeof error === "object" && error !== null && (error as Record<symbol, unknown>)[brand] === true;
}

/** Says where it happened in a LadingError that does not say so yet; anything else stays as it is. */
export function atPlace(error: unknown, place: string): unknown {
  if (isLadingError(error) && error.place === undefined) Object.assign(error, { place });
  return error;
}

/** Runs `work`; its LadingErrors get the place. For parsers, which know bytes but not where they come from. */
export function inPlace<T>(place: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw atPlace(error, place);
  }
}

/** Bytes that are not what their descriptor says. */
export class DigestMismatchError extends LadingError {
  override readonly name = "DigestMismatchError";
  readonly expected: string;
  readonly actual: string;

  constructor(expected: string, actual: string, options: LadingErrorOptions = {}) {
    super("ERR_LADING_DIGEST_MISMATCH", `expected ${expected} but the bytes are ${actual}`, {
      hint: "the content was changed or damaged on its way; try again, and check the source if it stays",
      ...options,
    });
    this.expected = expected;
    this.actual = actual;
  }
}

/** A stream that ended early or went on too long. */
export class SizeMismatchError extends LadingError {
  override readonly name = "SizeMismatchError";
  /** Bytes. */
  readonly expected: number;
  /** Bytes seen when it was noticed; for a stream that is too long, at least this many. */
  readonly actual: number;

  constructor(expected: number, actual: number, options: LadingErrorOptions = {}) {
    super(
      "ERR_LADING_SIZE_MISMATCH",
      actual < expected
        ? `expected ${expected} bytes but the content ends after ${actual}`
        : `expected ${expected} bytes but there are more`,
      { hint: "the content was cut or damaged; try again, and check the source if it stays", ...options },
    );
    this.expected = expected;
    this.actual = actual;
  }
}

/** One entry of the `errors` list in a registry's answer (distribution-spec, "Error Codes"). */
export interface RegistryErrorEntry {
  readonly code: string;
  readonly message: string;
  /** Whatever the registry adds, as parsed JSON without secrets; left out when it is deep. */
  readonly detail?: unknown;
}

export interface RegistryErrorData {
  readonly status: number;
  readonly method: string;
  /** Redacted. */
  readonly url: string;
  readonly errors: readonly RegistryErrorEntry[];
  /** The start of an answer that is no list of errors. */
  readonly body?: string;
  /** Milliseconds, from `Retry-After`. */
  readonly retryAfterMs?: number;
}

/** An answer of a registry (or of its token service) that is not the one hoped for. */
export class RegistryError extends LadingError {
  override readonly name = "RegistryError";
  readonly status: number;
  readonly method: string;
  readonly url: string;
  readonly errors: readonly RegistryErrorEntry[];
  readonly body: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, data: RegistryErrorData, options: LadingErrorOptions = {}) {
    super(code, message, options);
    this.status = data.status;
    this.method = data.method;
    this.url = data.url;
    this.errors = data.errors;
    this.body = data.body;
    this.retryAfterMs = data.retryAfterMs;
  }
}

/** Several parts of one run failed while others were done (`--keep-going`, fleets). */
export class PartialError extends LadingError {
  override readonly name = "PartialError";
  readonly errors: readonly unknown[];

  constructor(message: string, errors: readonly unknown[], options: LadingErrorOptions = {}) {
    super("ERR_LADING_PARTIAL", message, options);
    this.errors = errors;
  }
}

/** The message of anything thrown, for people. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The `code` of a system error (`ENOENT`, `ECONNRESET`, …), if it has one. */
export function systemCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}
