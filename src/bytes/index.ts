/** Byte streams and what is done with them on their way: hashed, checked, limited, regrouped. */
export { type Body, bodyFromStart, bodyOf, type OpenFrom } from "./body.ts";
export { regroup } from "./chunk.ts";
export { collect, limitBytes } from "./collect.ts";
export { createHasher, digestOf, type Hasher } from "./hash.ts";
export { type ByteStream, observe, skip, streamOf, take } from "./stream.ts";
export { type Expected, verify, verifyBytes } from "./verify.ts";
