import { LadingError } from "../errors.ts";
import type { ByteStream } from "./stream.ts";

/**
 * Reads a whole stream into memory. Never allocates by a size that the other side claims.
 * @param limit bytes; more is an error
 * @param what how the message calls it
 * @throws LadingError ERR_LADING_LIMIT
 */
export async function collect(stream: ByteStream, limit: number, what: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.byteLength;
    if (size > limit) throw new LadingError("ERR_LADING_LIMIT", `${what} is larger than ${limit} bytes`);
    chunks.push(Buffer.from(chunk));
  }
  const [first] = chunks;
  return chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, size);
}

/** Passes at most `limit` bytes through. @throws LadingError ERR_LADING_LIMIT on the first byte beyond */
export async function* limitBytes(
  stream: ByteStream,
  limit: number,
  what: string,
): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.byteLength;
    if (size > limit) throw new LadingError("ERR_LADING_LIMIT", `${what} is larger than ${limit} bytes`);
    yield chunk;
  }
}
