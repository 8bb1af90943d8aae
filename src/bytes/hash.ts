import { createHash, type Hash } from "node:crypto";
import { type Algorithm, type Digest, parseDigest } from "../spec/digest.ts";

/** A running digest. */
export interface Hasher {
  update(chunk: Uint8Array): void;
  /** Ends the hash. */
  digest(): Digest;
  /** A hasher that goes on from here on its own. */
  copy(): Hasher;
}

export function createHasher(algorithm: Algorithm = "sha256"): Hasher {
  return wrap(createHash(algorithm), algorithm);
}

function wrap(hash: Hash, algorithm: Algorithm): Hasher {
  return {
    update: (chunk) => void hash.update(chunk),
    digest: () => parseDigest(`${algorithm}:${hash.digest("hex")}`),
    copy: () => wrap(hash.copy(), algorithm),
  };
}

/** The digest of bytes in memory. */
export function digestOf(bytes: Uint8Array | string, algorithm: Algorithm = "sha256"): Digest {
  return parseDigest(`${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`);
}
