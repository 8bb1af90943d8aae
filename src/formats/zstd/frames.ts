import type { ByteStream } from "../../bytes/stream.ts";
import { LadingError } from "../../errors.ts";

/**
 * The largest window that is read, in bytes: what the `zstd` program allows without `--long`, and enough for its
 * highest levels. A decompressor allocates the window that the frame asks for.
 */
export const maxWindowSize = 128 * 1024 * 1024;

const frameMagic = 0xfd2fb528;
const skippableMagic = 0x184d2a50;

/** What comes next in the input. `needs` bytes have to be in one piece before it can be read. */
type Expecting =
  | { readonly state: "frame"; readonly needs: 4 }
  | { readonly state: "skippable size"; readonly needs: 8 }
  | { readonly state: "descriptor"; readonly needs: 5 }
  | { readonly state: "header"; readonly needs: number }
  | { readonly state: "block"; readonly needs: 3 }
  | { readonly state: "content"; readonly skip: boolean; readonly after: "frame" | "block" | "checksum" };

/**
 * Cuts a stream of zstd frames (RFC 8878) at their boundaries: skippable frames are dropped, windows limited, and no
 * piece holds more than one block. Decompressors need that: Node's ends at the first frame and keeps silent about the
 * rest, and fzstd would unpack any number of blocks at once into memory.
 * @throws LadingError ERR_LADING_ARCHIVE, ERR_LADING_LIMIT
 */
export async function* zstdPieces(stream: ByteStream, what: string): AsyncGenerator<Uint8Array> {
  let held: Uint8Array = new Uint8Array(0);
  let expecting: Expecting = { state: "frame", needs: 4 };
  let contentLeft = 0;
  let hasChecksum = false;
  let frames = 0;

  for await (const chunk of stream) {
    let bytes: Uint8Array = held.byteLength === 0 ? chunk : Buffer.concat([held, chunk]);
    held = new Uint8Array(0);
    while (bytes.byteLength > 0) {
      if (expecting.state === "content") {
        const piece = bytes.subarray(0, contentLeft);
        contentLeft -= piece.byteLength;
        bytes = bytes.subarray(piece.byteLength);
        if (!expecting.skip) yield piece;
        if (contentLeft > 0) continue;
        if (expecting.after === "checksum" && hasChecksum) {
          contentLeft = 4;
          expecting = { state: "content", skip: false, after: "frame" };
        } else if (expecting.after === "block") expecting = { state: "block", needs: 3 };
        else expecting = { state: "frame", needs: 4 };
        continue;
      }
      if (bytes.byteLength < expecting.needs) {
        held = Buffer.from(bytes);
        break;
      }
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      switch (expecting.state) {
        case "frame": {
          const magic = view.getUint32(0, true);
          if (magic === frameMagic) expecting = { state: "descriptor", needs: 5 };
          else if ((magic & 0xfffffff0) === skippableMagic) expecting = { state: "skippable size", needs: 8 };
          else {
            throw new LadingError(
              "ERR_LADING_ARCHIVE",
              frames === 0 ? `${what} is not zstd` : `${what} goes on after its end with what is not zstd`,
            );
          }
          frames++;
          break;
        }
        case "skippable size":
          contentLeft = view.getUint32(4, true);
          bytes = bytes.subarray(8);
          expecting =
            contentLeft === 0
              ? { state: "frame", needs: 4 }
              : { state: "content", skip: true, after: "frame" };
          break;
        case "descriptor":
          expecting = { state: "header", needs: headerSize(view.getUint8(4)) };
          break;
        case "header": {
          checkWindow(view, what);
          hasChecksum = (view.getUint8(4) & 4) !== 0;
          yield bytes.subarray(0, expecting.needs);
          bytes = bytes.subarray(expecting.needs);
          expecting = { state: "block", needs: 3 };
          break;
        }
        case "block": {
          const block = view.getUint8(0) | (view.getUint8(1) << 8) | (view.getUint8(2) << 16);
          const last = (block & 1) !== 0;
          // A run-length block (type 1) has one byte however long its content is.
          contentLeft = 3 + (((block >> 1) & 3) === 1 ? 1 : block >> 3);
          expecting = { state: "content", skip: false, after: last ? "checksum" : "block" };
          break;
        }
      }
    }
  }
  if (expecting.state !== "frame" || held.byteLength > 0 || frames === 0) {
    throw new LadingError("ERR_LADING_ARCHIVE", `${what} is cut short: its zstd data end too early`, {
      hint: "fetch or make it again",
    });
  }
}

const dictionaryIdSizes = [0, 1, 2, 4] as const;

/** Bytes of the frame header with its magic, from the frame header descriptor (RFC 8878, 3.1.1.1.1). */
function headerSize(descriptor: number): number {
  const singleSegment = (descriptor >> 5) & 1;
  const dictionaryId = dictionaryIdSizes[(descriptor & 3) as 0 | 1 | 2 | 3];
  const contentSizeFlag = descriptor >> 6;
  const contentSize = contentSizeFlag === 0 ? singleSegment : 1 << contentSizeFlag;
  return 4 + 1 + (1 - singleSegment) + dictionaryId + contentSize;
}

function checkWindow(view: DataView, what: string): void {
  const descriptor = view.getUint8(4);
  const window = (descriptor & 0x20) !== 0 ? contentSizeOf(view, descriptor) : windowOf(view.getUint8(5));
  if (window > maxWindowSize) {
    throw new LadingError(
      "ERR_LADING_LIMIT",
      `${what} needs a zstd window of ${window} bytes; at most ${maxWindowSize} are used`,
      { hint: "compress it without --long or --ultra" },
    );
  }
}

/** RFC 8878, 3.1.1.1.2. */
function windowOf(byte: number): number {
  const base = 2 ** (10 + (byte >> 3));
  return base + (base / 8) * (byte & 7);
}

/** Only for single-segment frames, whose window is their content (RFC 8878, 3.1.1.1.4). */
function contentSizeOf(view: DataView, descriptor: number): number {
  const size = headerSize(descriptor);
  switch (descriptor >> 6) {
    case 0:
      return view.getUint8(size - 1);
    case 1:
      return view.getUint16(size - 2, true) + 256;
    case 2:
      return view.getUint32(size - 4, true);
    default:
      return Number(view.getBigUint64(size - 8, true));
  }
}
