import { systemCode } from "../../errors.ts";

/** What Go says of a connection, which scripts look for, by the code that Node gives it. */
const words: ReadonlyMap<string, string> = new Map([
  ["ECONNREFUSED", "connect: connection refused"],
  ["ECONNRESET", "connection reset by peer"],
  ["EPIPE", "broken pipe"],
  ["ENOTFOUND", "no such host"],
  ["EAI_AGAIN", "no such host"],
  ["ETIMEDOUT", "i/o timeout"],
  ["UND_ERR_CONNECT_TIMEOUT", "i/o timeout"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "x509: certificate signed by unknown authority"],
  ["SELF_SIGNED_CERT_IN_CHAIN", "x509: certificate signed by unknown authority"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "x509: certificate signed by unknown authority"],
  ["UNABLE_TO_GET_ISSUER_CERT", "x509: certificate signed by unknown authority"],
  ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "x509: certificate signed by unknown authority"],
  ["CERT_HAS_EXPIRED", "x509: certificate has expired or is not yet valid"],
  ["CERT_NOT_YET_VALID", "x509: certificate has expired or is not yet valid"],
]);

/** Go's words for the first system error among the causes of an error. */
export function goWords(error: unknown): string | undefined {
  let at = error;
  for (let depth = 0; depth < 10 && at instanceof Error; depth++) {
    const found = words.get(systemCode(at) ?? "");
    if (found !== undefined) return found;
    at = at.cause;
  }
  return undefined;
}
