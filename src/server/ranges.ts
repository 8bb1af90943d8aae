/** Bytes of a body, both ends included. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Reads a `Range` header (RFC 9110, 14.2) for a body of `size` bytes. Undefined means: answer with the whole body, as for
 * other units and for several ranges. A range whose end is before its start is unsatisfiable rather than ignored:
 * the newest conformance suite of distribution-spec wants 416 for it.
 */
export function parseRange(
  header: string | undefined,
  size: number,
): ByteRange | "unsatisfiable" | undefined {
  if (header === undefined) return undefined;
  const match = /^bytes=[ \t]*([0-9]{0,15})-([0-9]{0,15})[ \t]*$/.exec(header);
  if (match === null) return undefined;
  const [, first = "", last = ""] = match;
  if (first === "") {
    if (last === "") return undefined;
    const count = Math.min(Number(last), size);
    return count === 0 ? "unsatisfiable" : { start: size - count, end: size - 1 };
  }
  const start = Number(first);
  const end = last === "" ? size - 1 : Math.min(Number(last), size - 1);
  return start >= size || end < start ? "unsatisfiable" : { start, end };
}

/**
 * Reads the `Content-Range` of an upload: `<start>-<end>`, both included (distribution-spec, "Pushing a blob in chunks").
 * `bytes `, `bytes=` before it and a total after it are taken as well, since clients send RFC 9110's form.
 * A chunk without bytes has no last byte to name: clients write `n-n` or `n-(n-1)`, even `0--1`, and only its start counts.
 * Undefined means malformed.
 * @param length bytes of the chunk, if they are known
 */
export function parseContentRange(header: string, length?: number): ByteRange | undefined {
  const match = /^(?:bytes[ =])?[ \t]*([0-9]{1,15})-(-?[0-9]{1,15})(?:\/(?:[0-9]{1,15}|\*))?$/.exec(header);
  if (match === null) return undefined;
  const start = Number(match[1]);
  const end = Number(match[2]);
  if (length === 0) return end === start || end === start - 1 ? { start, end: start - 1 } : undefined;
  return end < start ? undefined : { start, end };
}

/** The `Range` of an upload session that holds `offset` bytes; distribution-spec has no way to say "none". */
export function heldRange(offset: number): string {
  return `0-${Math.max(0, offset - 1)}`;
}
