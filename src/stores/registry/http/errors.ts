import {
  type ErrorCode,
  LadingError,
  RegistryError,
  type RegistryErrorEntry,
  systemCode,
} from "../../../errors.ts";
import type { Quirks } from "../quirks.ts";
import type { Redactor } from "./redact.ts";
import { isRetryableStatus, parseRetryAfter } from "./retry.ts";
import type { AnswerHeaders } from "./transport.ts";

export interface FailedAnswer {
  readonly method: string;
  readonly url: URL;
  readonly status: number;
  readonly headers: AnswerHeaders;
  /** At most `limits.errorBodyBytes` of it. */
  readonly body: Uint8Array;
}

export interface ErrorContext {
  /** What was tried, e.g. "read manifest v1". */
  readonly what: string;
  readonly place: string;
  readonly redactor: Redactor;
  /** ms since the epoch. */
  readonly now: number;
  /** What this registry's users should know. */
  readonly quirks?: Pick<Quirks, "createHint" | "rateHint">;
}

/** An answer that is not one of those hoped for, as an error with code and hint. */
export function answerError(answer: FailedAnswer, context: ErrorContext): RegistryError {
  const { redactor } = context;
  const errors = readErrors(answer).map(({ code, message, detail }) => ({
    code: redactor.text(code),
    message: redactor.text(message),
    ...(detail === undefined ? {} : { detail: redactedDetail(detail, redactor) }),
  }));
  const body = errors.length > 0 ? "" : redactor.text(printable(Buffer.from(answer.body).toString("utf8")));
  const code = codeOf(answer.status, errors);
  const said = errors.map((entry) => [entry.code, entry.message].filter(Boolean).join(": ")).join("; ");
  const retryAfterMs = parseRetryAfter(answer.headers.get("retry-after"), context.now);
  const hint = hintOf(answer, errors, context.quirks ?? {});
  return new RegistryError(
    code,
    `cannot ${context.what}: ${said === "" ? statusText(answer) : `${said} (HTTP ${answer.status})`}`,
    {
      status: answer.status,
      method: answer.method,
      url: redactor.url(answer.url),
      errors,
      ...(body === "" || isWebPage(answer.headers.get("content-type")) ? {} : { body }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
    {
      place: context.place,
      retryable: isRetryableStatus(answer.status) || errors.some((entry) => entry.code === "TOOMANYREQUESTS"),
      ...(hint === undefined ? {} : { hint }),
    },
  );
}

function statusText(answer: FailedAnswer): string {
  const html = isWebPage(answer.headers.get("content-type"));
  return `the registry answered HTTP ${answer.status}${html ? " with a web page" : ""}`;
}

/** Proxies and login pages answer 200 with HTML. @throws LadingError ERR_LADING_REGISTRY */
export function refuseWebPage(contentType: string | undefined, place: string): void {
  if (!isWebPage(contentType)) return;
  throw new LadingError("ERR_LADING_REGISTRY", "a web page came where a registry answers with JSON", {
    place,
    hint: "check that this host is a registry, and that no proxy or login page stands in front of it",
  });
}

function isWebPage(contentType: string | undefined): boolean {
  return /^text\/html/i.test(contentType ?? "");
}

const longestMessage = 500;

/** The `errors` list, however much of it is there: empty bodies, web pages and other people's JSON give none. */
function readErrors(answer: FailedAnswer): readonly RegistryErrorEntry[] {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(answer.body).toString("utf8"));
  } catch {
    return [];
  }
  const list = (json as { errors?: unknown } | null)?.errors;
  if (!Array.isArray(list)) return [];
  return list.slice(0, 10).flatMap((item: unknown) => {
    if (typeof item !== "object" || item === null) return [];
    const { code, message, detail } = item as { code?: unknown; message?: unknown; detail?: unknown };
    const shown = detail === null || !isSmall(detail) ? undefined : detail;
    return [
      {
        code: printable(code),
        message: printable(message),
        ...(shown === undefined ? {} : { detail: shown }),
      },
    ];
  });
}

const deepestDetail = 6;

/** Whether it is something that can be shown in a message. */
function isSmall(detail: unknown, depth = 0): boolean {
  if (typeof detail !== "object" || detail === null) return true;
  return depth < deepestDetail && Object.values(detail).every((value) => isSmall(value, depth + 1));
}

/** Text within it is treated like all text of a registry. */
function redactedDetail(detail: unknown, redactor: Redactor): unknown {
  if (typeof detail === "string") return redactor.text(printable(detail));
  if (Array.isArray(detail)) return detail.map((item) => redactedDetail(item, redactor));
  if (typeof detail !== "object" || detail === null) return detail;
  return Object.fromEntries(
    Object.entries(detail).map(([key, value]) => [
      redactor.text(printable(key)),
      redactedDetail(value, redactor),
    ]),
  );
}

function printable(value: unknown): string {
  if (typeof value !== "string") return "";
  // A registry's text must not steer a terminal.
  return value
    .replace(/\p{Cc}+/gu, " ")
    .slice(0, longestMessage)
    .trim();
}

function codeOf(status: number, errors: readonly RegistryErrorEntry[]): ErrorCode {
  const codes = new Set(errors.map((entry) => entry.code));
  if (status === 429 || codes.has("TOOMANYREQUESTS")) return "ERR_LADING_RATE_LIMITED";
  if (status === 401) return "ERR_LADING_UNAUTHORIZED";
  if (status === 403) return "ERR_LADING_DENIED";
  if (status === 404)
    return codes.has("MANIFEST_BLOB_UNKNOWN") ? "ERR_LADING_MISSING_CONTENT" : "ERR_LADING_NOT_FOUND";
  if (codes.has("MANIFEST_BLOB_UNKNOWN")) return "ERR_LADING_MISSING_CONTENT";
  if (codes.has("DIGEST_INVALID")) return "ERR_LADING_DIGEST_MISMATCH";
  if (codes.has("SIZE_INVALID") && status !== 413) return "ERR_LADING_SIZE_MISMATCH";
  if (codes.has("UNSUPPORTED") || status === 405 || status === 501) return "ERR_LADING_UNSUPPORTED";
  if (status === 413) return "ERR_LADING_LIMIT";
  if (status === 409 || codes.has("TAG_INVALID")) return "ERR_LADING_CONFLICT";
  return "ERR_LADING_REGISTRY";
}

function hintOf(
  answer: FailedAnswer,
  errors: readonly RegistryErrorEntry[],
  quirks: Pick<Quirks, "createHint" | "rateHint">,
): string | undefined {
  const codes = new Set(errors.map((entry) => entry.code));
  switch (codeOf(answer.status, errors)) {
    case "ERR_LADING_RATE_LIMITED":
      return quirks.rateHint ?? "the registry limits requests: log in to raise the limit, or try again later";
    case "ERR_LADING_UNAUTHORIZED":
      return `log in with \`lading login ${answer.url.host}\`, or check the user and password`;
    case "ERR_LADING_DENIED":
      return "these credentials do not allow this here: check the repository's name and the rights";
    case "ERR_LADING_LIMIT":
      return "the registry, or a proxy in front of it, does not take bodies of this size";
    case "ERR_LADING_NOT_FOUND":
      return codes.has("NAME_UNKNOWN")
        ? (quirks.createHint ?? "check the repository's name; some registries want it created first")
        : undefined;
    case "ERR_LADING_MISSING_CONTENT":
      return "content that the manifest needs went missing at the registry; run the same again";
    case "ERR_LADING_UNSUPPORTED":
      return answer.method === "DELETE" ? "deletes may be switched off at this registry" : undefined;
    case "ERR_LADING_CONFLICT":
      return "tags may be immutable in this repository";
    case "ERR_LADING_REGISTRY":
      return answer.status === 507 ? "the registry's disk is full" : undefined;
    default:
      return undefined;
  }
}

const tlsCodes: ReadonlyMap<string, string> = new Map([
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "it is self-signed"],
  ["SELF_SIGNED_CERT_IN_CHAIN", "its chain ends at an authority that is not known here"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "its authority is not known here"],
  ["UNABLE_TO_GET_ISSUER_CERT", "its authority is not known here"],
  ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "its authority is not known here"],
  ["CERT_HAS_EXPIRED", "it has expired"],
  ["CERT_NOT_YET_VALID", "it is not valid yet"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "it is for another host name"],
]);

/** Where another authority would not help. */
const trustHints: ReadonlyMap<string, string> = new Map([
  ["CERT_HAS_EXPIRED", "its owner has to renew it"],
  ["CERT_NOT_YET_VALID", "check the clock of this machine"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "call the host by the name in its certificate"],
]);
const takeAny = "--registry-verify-certs=false takes any certificate of the registries of this call";

/** A request that got no answer, as an error. Lading's own errors pass through. */
export function networkError(error: unknown, context: ErrorContext, url: URL): LadingError {
  if (error instanceof LadingError) return error;
  const code = systemCode(error) ?? systemCode((error as { cause?: unknown } | null)?.cause) ?? "";
  const host = url.host;
  const untrusted = tlsCodes.get(code);
  if (untrusted !== undefined) {
    return new LadingError("ERR_LADING_TLS", `the certificate of ${host} is not trusted: ${untrusted}`, {
      place: context.place,
      hint: `${trustHints.get(code) ?? "trust its authority with --registry-ca-cert-path, if you know it"}; ${takeAny}`,
      cause: error,
    });
  }
  const message = error instanceof Error ? error.message : String(error);
  if (
    code === "EPROTO" ||
    code.startsWith("ERR_SSL_") ||
    /\bssl3?_|SSL routines|tlsv1 alert/i.test(message)
  ) {
    return new LadingError(
      "ERR_LADING_TLS",
      `no TLS connection to ${host}: ${context.redactor.text(message).split("\n")[0] ?? code}`,
      {
        place: context.place,
        hint: "if this registry speaks http, allow that with --registry-insecure; if it wants a client certificate, give one",
        cause: error,
      },
    );
  }
  const unknownHost = code === "ENOTFOUND";
  return new LadingError(
    "ERR_LADING_NETWORK",
    unknownHost
      ? `there is no host ${url.hostname}`
      : `cannot ${context.what}: ${context.redactor.text(reasonOf(code, message, host))}`,
    {
      place: context.place,
      retryable: !unknownHost,
      cause: error,
      hint: unknownHost
        ? "check the registry's name, the network and the proxy settings"
        : "check that the registry runs and can be reached from here",
    },
  );
}

function reasonOf(code: string, message: string, host: string): string {
  switch (code) {
    case "ECONNREFUSED":
      return `${host} refuses connections`;
    case "ECONNRESET":
    case "EPIPE":
    case "UND_ERR_SOCKET":
      return `the connection to ${host} broke`;
    case "EAI_AGAIN":
      return `the name ${host} cannot be looked up now`;
    case "ETIMEDOUT":
    case "UND_ERR_CONNECT_TIMEOUT":
      return `${host} does not answer`;
    case "UND_ERR_HEADERS_TIMEOUT":
      // The words that scripts written for imgpkg look for.
      return `${host} was silent for too long (net/http: timeout awaiting response headers)`;
    case "UND_ERR_BODY_TIMEOUT":
      return `${host} was silent for too long`;
    default:
      return message === "" ? code || "the connection failed" : message;
  }
}
