import { STATUS_CODES } from "node:http";
import type { HttpTrace } from "../../events.ts";

/** A request and its answer as go-containerregistry logs them: each message after the time, heads without bodies. */
export function dumpOf(trace: HttpTrace, now: Date): string {
  const time = goTime(now);
  const { method, url, status, durationMs } = trace;
  const target = new URL(url);
  const request = `${method} ${target.pathname}${target.search} HTTP/1.1\n${head(trace.requestHeaders)}`;
  const sent = `${time} --> ${method} ${url}\n${time} ${request}`;
  if (status === undefined)
    return `${sent}\n${time} <-- ${trace.failure ?? ""} ${method} ${url} (${durationMs}ms)`;
  const answer = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\n${head(trace.responseHeaders)}`;
  return `${sent}\n${time} <-- ${status} ${url} (${durationMs}ms)\n${time} ${answer}`;
}

function head(headers: HttpTrace["requestHeaders"]): string {
  return headers.map(([name, value]) => `${canonical(name)}: ${value.replace(/\p{Cc}/gu, " ")}\n`).join("");
}

/** `Accept-Encoding` of `accept-encoding`. */
function canonical(name: string): string {
  return name.replace(/(?:^|-)[a-z]/g, (letter) => letter.toUpperCase());
}

/** As Go's log writes it, in local time. */
function goTime(now: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const date = [now.getFullYear(), two(now.getMonth() + 1), two(now.getDate())].join("/");
  return `${date} ${[now.getHours(), now.getMinutes(), now.getSeconds()].map(two).join(":")}`;
}
