import { createHasher, type Hasher } from "../../bytes/hash.ts";
import type { ByteStream } from "../../bytes/stream.ts";
import { fileBody } from "../../stores/file-body.ts";
import type { Layer } from "./create.ts";
import { openTempFile, writeAll } from "./temp-file.ts";

export interface PackOptions {
  readonly mediaType: string;
  readonly compress: (tar: ByteStream) => ByteStream;
  /** Where the layer lies until it is disposed of, in a file without a name. */
  readonly tempDir: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes a layer of a tar in one pass: hash, compress, hash, write. The tar's chunks may be overwritten when the next is
 * asked for.
 * @throws LadingError ERR_LADING_STORE; what the tar and the compressor throw
 */
export async function packLayer(tar: ByteStream, options: PackOptions): Promise<Layer> {
  const { signal, tempDir } = options;
  const handle = await openTempFile(tempDir);
  try {
    const diffHasher = createHasher();
    const packed = options.compress(hashed(tar, diffHasher, signal));
    const hasher = createHasher();
    const size = await writeAll(handle, hashed(packed, hasher, signal), tempDir);
    return {
      descriptor: { mediaType: options.mediaType, digest: hasher.digest(), size },
      diffId: diffHasher.digest(),
      body: fileBody(handle, { offset: 0, size }, `layer in ${tempDir}`),
      [Symbol.asyncDispose]: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function* hashed(
  stream: ByteStream,
  hasher: Hasher,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) {
    signal?.throwIfAborted();
    hasher.update(chunk);
    yield chunk;
  }
}
