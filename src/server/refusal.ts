import { Fault } from "./errors.ts";
import type { LogEntry } from "./log.ts";

/** What becomes of a connection on which no request could be read. */
export interface Refusal {
  readonly level: LogEntry["level"];
  /** For the log. */
  readonly message: string;
  /** Undefined: the connection is closed without a word, since nobody is there who reads HTTP. */
  readonly answer: Fault | undefined;
}

interface ClientError extends Error {
  readonly code?: string;
  /** What the parser choked on. */
  readonly rawPacket?: Buffer;
}

/** The type byte with which every TLS handshake begins (RFC 8446, 5.1). */
const handshake = 0x16;

/** @param received bytes that the connection has brought so far */
export function refusalOf(error: ClientError, received: number): Refusal {
  const { code = "", rawPacket } = error;
  const first = rawPacket !== undefined && rawPacket.byteLength === received;
  if (first && rawPacket[0] === handshake) {
    // Clients find out in this way whether a port has TLS, Lading's own included: nothing is wrong.
    return { level: "info", message: "a TLS handshake, but this port has no TLS", answer: undefined };
  }
  if (code === "ERR_SSL_HTTP_REQUEST") {
    return { level: "info", message: "a plain HTTP request, but this port has TLS", answer: undefined };
  }
  if (code === "ECONNRESET" || code === "EPIPE") {
    return { level: "info", message: "the connection broke before a request", answer: undefined };
  }
  if (/^ERR_(?:SSL|TLS)_/.test(code)) {
    return { level: "warning", message: `the TLS handshake failed: ${code}`, answer: undefined };
  }
  const answer =
    code === "HPE_HEADER_OVERFLOW"
      ? new Fault(431, "REQUEST_INVALID", "the request's head is too long")
      : code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? new Fault(408, "TIMEOUT", "the request's head took too long")
        : new Fault(400, "REQUEST_INVALID", "this is not an HTTP request");
  return { level: "warning", message: `${answer.status} ${answer.message}`, answer };
}
