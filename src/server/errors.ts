import { isLadingError, messageOf, systemCode } from "../errors.ts";

/** Error codes of distribution-spec 1.1 ("Error Codes"), and those that registries share beside them. */
export type FaultCode =
  | "BLOB_UNKNOWN"
  | "BLOB_UPLOAD_INVALID"
  | "BLOB_UPLOAD_UNKNOWN"
  | "DIGEST_INVALID"
  | "MANIFEST_BLOB_UNKNOWN"
  | "MANIFEST_INVALID"
  | "MANIFEST_UNKNOWN"
  | "NAME_INVALID"
  | "NAME_UNKNOWN"
  | "SIZE_INVALID"
  | "UNAUTHORIZED"
  | "DENIED"
  | "UNSUPPORTED"
  | "TOOMANYREQUESTS"
  | "TAG_INVALID"
  | "PAGINATION_NUMBER_INVALID"
  | "RANGE_INVALID"
  | "REQUEST_INVALID"
  | "TIMEOUT"
  | "UNAVAILABLE"
  | "UNKNOWN";

/** An answer that is not the one hoped for: thrown anywhere below the server, written by it in one place. */
export class Fault extends Error {
  override readonly name = "Fault";
  readonly status: number;
  readonly code: FaultCode;
  readonly headers: Readonly<Record<string, string>>;
  readonly detail: unknown;

  constructor(
    status: number,
    code: FaultCode,
    message: string,
    options: {
      readonly headers?: Readonly<Record<string, string>>;
      readonly detail?: unknown;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.status = status;
    this.code = code;
    this.headers = options.headers ?? {};
    this.detail = options.detail;
  }
}

/** The JSON of distribution-spec's error body. */
export function faultBody(fault: Fault): Buffer {
  const entry = {
    code: fault.code,
    message: fault.message,
    ...(fault.detail === undefined ? {} : { detail: fault.detail }),
  };
  return Buffer.from(`${JSON.stringify({ errors: [entry] })}\n`);
}

/**
 * What anything thrown means to the client. What is not understood is a 500 without details: they go to the log only,
 * since messages of the disk hold paths.
 */
export function faultOf(error: unknown): Fault {
  if (error instanceof Fault) return error;
  const full = isFull(error);
  if (full) return new Fault(507, "UNAVAILABLE", "the registry's disk is full", { cause: error });
  if (isLadingError(error)) {
    switch (error.code) {
      case "ERR_LADING_DIGEST_MISMATCH":
        return new Fault(400, "DIGEST_INVALID", error.message, { cause: error });
      case "ERR_LADING_SIZE_MISMATCH":
        return new Fault(400, "SIZE_INVALID", error.message, { cause: error });
      case "ERR_LADING_LIMIT":
        return new Fault(413, "SIZE_INVALID", error.message, { cause: error });
      default:
        break;
    }
  }
  return new Fault(500, "UNKNOWN", "the registry failed; its log says why", { cause: error });
}

function isFull(error: unknown): boolean {
  for (let at = error; at !== undefined && at !== null; at = (at as { cause?: unknown }).cause) {
    const code = systemCode(at);
    if (code === "ENOSPC" || code === "EDQUOT") return true;
  }
  return false;
}

/** The chain of messages of anything thrown, for the log. */
export function explain(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const own = messageOf(error);
  return cause === undefined ? own : `${own}: ${explain(cause)}`;
}
