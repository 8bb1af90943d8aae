import { LadingError } from "../../errors.ts";

/** Bytes of a header and the unit that content is padded to (POSIX pax, "ustar Interchange Format"). */
export const blockSize = 512;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function malformed(message: string, place?: string): LadingError {
  return new LadingError("ERR_LADING_ARCHIVE", message, {
    ...(place === undefined ? {} : { place }),
    hint: "the archive is damaged, or was written by a tool that does not follow the tar formats",
  });
}

/** Text up to the first NUL of a field, strictly UTF-8. @throws LadingError ERR_LADING_ARCHIVE */
export function textField(block: Buffer, start: number, length: number): string {
  if (block[start] === 0) return "";
  let end = start;
  let high = 0;
  for (const limit = start + length; end < limit; end++) {
    const byte = block[end] as number;
    if (byte === 0) break;
    high |= byte;
  }
  return high < 0x80 ? block.toString("latin1", start, end) : strictText(block.subarray(start, end));
}

/** @throws LadingError ERR_LADING_ARCHIVE when the bytes are not UTF-8: they would not come out as they went in */
export function strictText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new LadingError("ERR_LADING_ARCHIVE", "the archive holds a name that is not UTF-8", {
      hint: "write the archive again with UTF-8 file names",
      cause,
    });
  }
}

/**
 * A number: octal digits with spaces or NULs around them, or GNU's base-256 where the first bit is set. Undefined when
 * it is neither, or is larger than a number can say exactly.
 */
export function numberField(block: Buffer, start: number, length: number): number | undefined {
  const first = block[start] as number;
  const end = start + length;
  if (first & 0x80) return base256(block, start, end);
  let at = start;
  while (at < end && (block[at] === 0x20 || block[at] === 0)) at++;
  let value = 0;
  for (; at < end; at++) {
    const digit = (block[at] as number) - 0x30;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  while (at < end && (block[at] === 0x20 || block[at] === 0)) at++;
  return at === end && Number.isSafeInteger(value) ? value : undefined;
}

/** Two's complement, most significant byte first; the top bit of the first byte only marks the form. */
function base256(block: Buffer, start: number, end: number): number | undefined {
  const negative = ((block[start] as number) & 0x40) !== 0;
  // The complement of a negative number counts up from -1.
  const flip = negative ? 0xff : 0;
  let value = ((block[start] as number) ^ flip) & 0x7f;
  for (let at = start + 1; at < end; at++) {
    value = value * 256 + ((block[at] as number) ^ flip);
    if (!Number.isSafeInteger(value)) return undefined;
  }
  return negative ? -1 - value : value;
}

/** Sums of a header with its checksum field read as spaces: over unsigned bytes, and as old programs did over signed. */
function sums(block: Buffer): { readonly unsigned: number; readonly signed: number } {
  let unsigned = 8 * 0x20;
  let high = 0;
  for (let i = 0; i < 148; i++) {
    unsigned += block[i] as number;
    high += (block[i] as number) >> 7;
  }
  for (let i = 156; i < blockSize; i++) {
    unsigned += block[i] as number;
    high += (block[i] as number) >> 7;
  }
  return { unsigned, signed: unsigned - 256 * high };
}

export function checksum(block: Buffer): number {
  return sums(block).unsigned;
}

export function checksumFits(block: Buffer): boolean {
  const stated = numberField(block, 148, 8);
  const { unsigned, signed } = sums(block);
  return stated === unsigned || stated === signed;
}

export function isZeroBlock(block: Buffer): boolean {
  if (block[0] !== 0) return false;
  for (let i = 1; i < blockSize; i++) if (block[i] !== 0) return false;
  return true;
}
