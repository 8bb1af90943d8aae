import { LadingError } from "../../errors.ts";
import type { Extent } from "./entry.ts";
import { blockSize, malformed, numberField } from "./fields.ts";
import type { TarInput } from "./input.ts";
import type { PaxRecords } from "./pax.ts";

const maxExtents = 1_000_000;
/** Decimal digits of a map in the data (format 1.0) and extension headers (old GNU): more is an attack. */
const maxMapBytes = 32 * 1024 * 1024;

export interface SparseMap {
  readonly extents: readonly Extent[];
  /** Bytes of the file as a program sees it. */
  readonly logicalSize: number;
}

/** Which PAX sparse format the records name (GNU tar manual, "Storing Sparse Files"). */
export function paxSparseForm(records: PaxRecords): "records" | "map" | "data" | undefined {
  let major: string | undefined;
  let form: "records" | "map" | undefined;
  for (const [key, value] of records) {
    if (key === "GNU.sparse.major") major = value;
    else if (key === "GNU.sparse.map") form = "map";
    else if (key === "GNU.sparse.offset" && form === undefined) form = "records";
  }
  if (major === "1") return "data";
  if (form !== undefined) return form;
  // A file that is one hole has no offsets in 0.0.
  return records.some(([key]) => key === "GNU.sparse.numblocks") ? "records" : undefined;
}

export function decimalNumber(text: string, what: string): number {
  const value = Number(text);
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(value)) {
    throw malformed(`${what} is not a number: ${JSON.stringify(text.slice(0, 40))}`);
  }
  return value;
}

/** 0.0: one pair of records for each extent. */
function extentsFromRecords(records: PaxRecords): readonly Extent[] {
  const flat: number[] = [];
  for (const [key, value] of records) {
    if (key !== "GNU.sparse.offset" && key !== "GNU.sparse.numbytes") continue;
    const wanted = flat.length % 2 === 0 ? "GNU.sparse.offset" : "GNU.sparse.numbytes";
    if (key !== wanted) throw malformed("a sparse file's map has offsets and sizes out of turn");
    flat.push(decimalNumber(value, key));
  }
  return pairs(flat);
}

/** 0.1: all numbers in one record. */
function extentsFromMap(map: string): readonly Extent[] {
  if (map === "") return [];
  return pairs(map.split(",").map((text) => decimalNumber(text, "GNU.sparse.map")));
}

/** 1.0: decimal numbers in lines at the start of the data, filled up to whole blocks. */
async function extentsFromData(
  input: TarInput,
  storedSize: number,
): Promise<{ readonly extents: readonly Extent[]; readonly mapBytes: number }> {
  let mapBytes = 0;
  let text = "";
  let at = 0;
  const line = async (): Promise<number> => {
    for (;;) {
      const end = text.indexOf("\n", at);
      if (end >= 0) {
        const value = decimalNumber(text.slice(at, end), "a sparse file's map");
        at = end + 1;
        return value;
      }
      if (text.length - at > 20 || mapBytes + blockSize > storedSize || mapBytes >= maxMapBytes) {
        throw malformed("a sparse file's map cannot be read");
      }
      const block = input.takeNow(blockSize) ?? (await input.take(blockSize));
      if (block.length < blockSize) throw malformed("the archive is cut short in a sparse file's map");
      mapBytes += blockSize;
      text = text.slice(at) + block.toString("latin1");
      at = 0;
    }
  };
  const count = await line();
  if (count > maxExtents) throw tooMany();
  const flat: number[] = [];
  for (let i = 0; i < 2 * count; i++) flat.push(await line());
  return { extents: pairs(flat), mapBytes };
}

/** The map in one of the PAX forms; `mapBytes` of the entry's data belong to it. */
export async function readPaxSparse(
  input: TarInput,
  form: "records" | "map" | "data",
  records: PaxRecords,
  storedSize: number,
): Promise<SparseMap & { readonly mapBytes: number }> {
  const last = (key: string): string | undefined => records.findLast(([k]) => k === key)?.[1];
  const stated = last("GNU.sparse.realsize") ?? last("GNU.sparse.size");
  if (stated === undefined) throw malformed("a sparse file does not say its size");
  const logicalSize = decimalNumber(stated, "a sparse file's size");
  if (form === "data") return { ...(await extentsFromData(input, storedSize)), logicalSize };
  const extents = form === "map" ? extentsFromMap(last("GNU.sparse.map") ?? "") : extentsFromRecords(records);
  return { extents, logicalSize, mapBytes: 0 };
}

/** Old GNU: four pairs in the header, and 21 in each of the blocks that follow while they say that more do. */
export async function extentsFromOldGnu(header: Buffer, input: TarInput): Promise<SparseMap> {
  const logicalSize = numberField(header, 483, 12);
  if (logicalSize === undefined || logicalSize < 0) throw malformed("a sparse file has no readable size");
  const flat: number[] = [];
  readOldPairs(header, 386, 4, flat);
  let more = header[482] !== 0;
  while (more) {
    if (flat.length / 2 > maxExtents) throw tooMany();
    const block = input.takeNow(blockSize) ?? (await input.take(blockSize));
    if (block.length < blockSize) throw malformed("the archive is cut short in a sparse file's map");
    readOldPairs(block, 0, 21, flat);
    more = block[504] !== 0;
  }
  return { extents: pairs(flat), logicalSize };
}

function readOldPairs(block: Buffer, start: number, count: number, into: number[]): void {
  for (let i = 0; i < count; i++) {
    const at = start + 24 * i;
    // An unused pair is all NUL.
    if (block[at] === 0 && block[at + 12] === 0) break;
    const offset = numberField(block, at, 12);
    const size = numberField(block, at + 12, 12);
    if (offset === undefined || size === undefined) throw malformed("a sparse file's map cannot be read");
    into.push(offset, size);
  }
}

function pairs(flat: readonly number[]): readonly Extent[] {
  if (flat.length % 2 !== 0) throw malformed("a sparse file's map ends within a pair");
  if (flat.length / 2 > maxExtents) throw tooMany();
  const extents: Extent[] = [];
  for (let i = 0; i < flat.length; i += 2) {
    extents.push({ offset: flat[i] as number, size: flat[i + 1] as number });
  }
  return extents;
}

/**
 * The map without empty extents. @throws LadingError ERR_LADING_ARCHIVE unless it is in order, within the file, and
 * exactly as long as what is stored
 */
export function checkedExtents(map: SparseMap, storedSize: number, name: string): readonly Extent[] {
  let end = 0;
  let stored = 0;
  for (const { offset, size } of map.extents) {
    if (offset < end || size < 0 || offset + size > map.logicalSize) {
      throw malformed(`the map of the sparse file ${JSON.stringify(name)} does not fit the file`);
    }
    end = offset + size;
    stored += size;
  }
  if (stored !== storedSize) {
    throw malformed(
      `the sparse file ${JSON.stringify(name)} has ${storedSize} bytes stored, but its map has ${stored}`,
    );
  }
  return map.extents.filter(({ size }) => size > 0);
}

function tooMany(): LadingError {
  return new LadingError("ERR_LADING_LIMIT", `a sparse file has more than ${maxExtents} parts`);
}
