import type { HttpTrace } from "../../../events.ts";
import type { Redactor } from "./redact.ts";
import type { AnswerHeaders } from "./transport.ts";

/** Shown as they are; whatever else an answer says could be a secret of somebody. */
const shownHeaders: ReadonlySet<string> = new Set([
  "accept",
  "accept-encoding",
  "accept-ranges",
  "connection",
  "content-length",
  "content-range",
  "content-type",
  "date",
  "docker-content-digest",
  "docker-distribution-api-version",
  "docker-upload-uuid",
  "etag",
  "host",
  "if-match",
  "keep-alive",
  "oci-filters-applied",
  "oci-subject",
  "oci-tag",
  "range",
  "ratelimit-limit",
  "ratelimit-remaining",
  "retry-after",
  "server",
  "user-agent",
  "www-authenticate",
]);

export interface TracedExchange {
  readonly method: string;
  readonly url: URL;
  readonly sent: Readonly<Record<string, string>>;
  /** Undefined when none came. */
  readonly answer: { readonly status: number; readonly headers: AnswerHeaders } | undefined;
  /** Why none came. */
  readonly failure: string | undefined;
  readonly durationMs: number;
}

/** A request and its answer for people: heads only, since bodies may hold tokens. */
export function traceOf(exchange: TracedExchange, redactor: Redactor): HttpTrace {
  const { method, url, sent, answer, failure, durationMs } = exchange;
  const shown = (name: string, value: string): readonly [string, string] => {
    if (name === "location") return [name, locationText(value, url, redactor)];
    return [name, shownHeaders.has(name) ? redactor.text(value) : "<redacted>"];
  };
  return {
    method,
    url: redactor.url(url),
    requestHeaders: [
      shown("host", url.host),
      ...Object.entries(sent).map(([name, value]) => shown(name.toLowerCase(), value)),
    ],
    ...(answer === undefined ? {} : { status: answer.status }),
    responseHeaders: (answer?.headers.names() ?? []).flatMap((name) =>
      (answer?.headers.all(name) ?? []).map((value) => shown(name, value)),
    ),
    ...(failure === undefined ? {} : { failure: redactor.text(failure) }),
    durationMs,
  };
}

function locationText(value: string, asked: URL, redactor: Redactor): string {
  return URL.canParse(value, asked.href) ? redactor.url(new URL(value, asked)) : "<redacted>";
}
