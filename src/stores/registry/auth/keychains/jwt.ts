import { createSign } from "node:crypto";
import { LadingError } from "../../../../errors.ts";
import { isRecord } from "../auth-file.ts";

/**
 * A signed token (RFC 7519) with RS256.
 * @param key private key, PEM
 * @throws LadingError ERR_LADING_DOCUMENT when the key is none
 */
export function signJwt(
  claims: Readonly<Record<string, string | number>>,
  key: string,
  keyId: string | undefined,
): string {
  const header = { alg: "RS256", typ: "JWT", ...(keyId === undefined ? {} : { kid: keyId }) };
  const text = `${encoded(header)}.${encoded(claims)}`;
  try {
    return `${text}.${createSign("RSA-SHA256").update(text).sign(key, "base64url")}`;
  } catch {
    // OpenSSL's message could quote the key.
    throw new LadingError("ERR_LADING_DOCUMENT", "the private key cannot be used to sign");
  }
}

/** When a token ends by its own `exp`, ms since the epoch; it is not verified. Undefined when it does not say. */
export function jwtEnd(token: string): number | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"));
    const end = isRecord(claims) ? claims["exp"] : undefined;
    return typeof end === "number" && Number.isFinite(end) ? end * 1000 : undefined;
  } catch {
    return undefined;
  }
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
