import {
  createHmac,
  type KeyObject,
  sign as signWith,
  timingSafeEqual,
  verify as verifyWith,
} from "node:crypto";

/** One algorithm with its key. What a token says about either is never followed (CVE-2025-24976). */
export type TokenKey =
  | { readonly algorithm: "HS256"; readonly secret: Uint8Array }
  | { readonly algorithm: "ES256"; readonly publicKey: KeyObject; readonly privateKey?: KeyObject };

export type Claims = Readonly<Record<string, unknown>>;

/** A signed JSON Web Token (RFC 7519). */
export function signToken(claims: Claims, key: TokenKey): string {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const input = `${encode({ typ: "JWT", alg: key.algorithm })}.${encode(claims)}`;
  return `${input}.${signature(input, key).toString("base64url")}`;
}

function signature(input: string, key: TokenKey): Buffer {
  if (key.algorithm === "HS256") return createHmac("sha256", key.secret).update(input).digest();
  if (key.privateKey === undefined) throw new Error("tokens can only be checked with a public key");
  return signWith("sha256", Buffer.from(input), { key: key.privateKey, dsaEncoding: "ieee-p1363" });
}

/** The claims of a token that this key signed; undefined for any other. Times are the caller's to check. */
export function verifyToken(token: string, key: TokenKey): Claims | undefined {
  if (token.length > 16_384) return undefined;
  const match = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/.exec(token);
  if (match === null) return undefined;
  const [, header = "", payload = "", signed = ""] = match;
  if (decode(header)?.["alg"] !== key.algorithm) return undefined;
  const given = Buffer.from(signed, "base64url");
  const input = `${header}.${payload}`;
  if (key.algorithm === "HS256") {
    const expected = createHmac("sha256", key.secret).update(input).digest();
    if (given.byteLength !== expected.byteLength || !timingSafeEqual(given, expected)) return undefined;
  } else {
    const checked = { key: key.publicKey, dsaEncoding: "ieee-p1363" } as const;
    if (!verifyWith("sha256", Buffer.from(input), checked, given)) return undefined;
  }
  return decode(payload);
}

function decode(part: string): Claims | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Claims)
      : undefined;
  } catch {
    return undefined;
  }
}
