import { LadingError } from "../errors.ts";

/** Registered digest algorithms that Lading computes (image-spec, "Registered Algorithms"). */
export type Algorithm = "sha256" | "sha512";

declare const digestBrand: unique symbol;

/** `<algorithm>:<hex>`. Only `parseDigest` makes one, so a path or URL built from it cannot be led astray. */
export type Digest = `${Algorithm}:${string}` & { readonly [digestBrand]: true };

/** Hex digits of each algorithm's encoded part. */
export const hexLength: Readonly<Record<Algorithm, number>> = { sha256: 64, sha512: 128 };

const pattern = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

/** Whether `text` is a digest that Lading can verify: a registered algorithm and lower-case hex of its length. */
export function isDigest(text: unknown): text is Digest {
  return typeof text === "string" && pattern.test(text);
}

/**
 * Parses a digest (image-spec, "Digests").
 * @throws LadingError ERR_LADING_REFERENCE when it is malformed or its algorithm is not registered.
 */
export function parseDigest(text: unknown, at = "digest"): Digest {
  if (isDigest(text)) return text;
  throw new LadingError("ERR_LADING_REFERENCE", `${at} is not a digest: ${quote(text)}`, {
    hint: "a digest is sha256: with 64, or sha512: with 128 lower-case hexadecimal digits",
  });
}

export function algorithmOf(digest: Digest): Algorithm {
  return digest.startsWith("sha512:") ? "sha512" : "sha256";
}

/** The encoded part, after the colon. */
export function hexOf(digest: Digest): string {
  return digest.slice(7);
}

/** Twelve hex digits with the algorithm, for people. */
export function shortDigest(digest: Digest): string {
  return digest.slice(0, 19);
}

/** A value quoted for a message, cut to a length that cannot flood a terminal. */
export function quote(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? String(value));
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}
