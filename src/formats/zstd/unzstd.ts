import { setImmediate as nextTurn } from "node:timers/promises";
import type { ByteStream } from "../../bytes/stream.ts";
import { LadingError, messageOf } from "../../errors.ts";
import { throughTransform } from "../transform.ts";
import { zstdPieces } from "./frames.ts";
import { nativeZstd } from "./native.ts";

export interface UnzstdOptions {
  /** What messages call the content. */
  readonly what?: string;
  /** Use the JavaScript decompressor also where Node has its own; for tests. */
  readonly portable?: boolean;
}

/** Output buffer in bytes. */
const chunkSize = 1024 * 1024;

/** How long the JavaScript decompressor works before other work gets a turn, in milliseconds. */
const timeSlice = 10;

/**
 * Unpacks zstd (RFC 8878): one frame or several, skippable frames left out, windows up to 128 MiB. Uses Node's own zstd
 * where it is (22.15 and newer) and `fzstd` elsewhere; the latter does not check the frames' own checksums, which a
 * digest over the content makes up for.
 * @throws LadingError ERR_LADING_ARCHIVE when it is not zstd, damaged or cut short; ERR_LADING_LIMIT for a large window
 */
export async function* unzstd(stream: ByteStream, options: UnzstdOptions = {}): AsyncGenerator<Uint8Array> {
  const what = options.what ?? "zstd data";
  const pieces = zstdPieces(stream, what);
  const native = options.portable === true ? undefined : nativeZstd();
  if (native === undefined) yield* unpackPortably(pieces, what);
  else {
    yield* throughTransform(pieces, native.createZstdDecompress({ chunkSize }), (error) =>
      damaged(what, error),
    );
  }
}

async function* unpackPortably(pieces: ByteStream, what: string): AsyncGenerator<Uint8Array> {
  const { Decompress } = await import("fzstd");
  let output: Uint8Array[] = [];
  const decompressor = new Decompress((data) => {
    output.push(data);
  });
  let turnEnds = performance.now() + timeSlice;
  for await (const piece of pieces) {
    try {
      // fzstd keeps what it cannot use yet; the piece belongs to its source again afterwards.
      decompressor.push(Uint8Array.from(piece));
    } catch (error) {
      throw damaged(what, error);
    }
    yield* output;
    output = [];
    if (performance.now() > turnEnds) {
      await nextTurn();
      turnEnds = performance.now() + timeSlice;
    }
  }
}

function damaged(what: string, error: unknown): LadingError {
  return new LadingError("ERR_LADING_ARCHIVE", `${what} is damaged: ${messageOf(error)}`, {
    hint: "fetch or make it again",
    cause: error,
  });
}
