import { type Digest, isDigest } from "../spec/digest.ts";
import { Fault } from "./errors.ts";

/** A digest from a path or a query. @throws Fault DIGEST_INVALID, for unknown algorithms as well */
export function requestedDigest(text: string | null | undefined): Digest {
  if (isDigest(text)) return text;
  throw new Fault(400, "DIGEST_INVALID", "not a digest that this registry can check", {
    detail: { digest: (text ?? "").slice(0, 160) },
  });
}
