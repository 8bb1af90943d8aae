import { readFileSync } from "node:fs";
import { join } from "node:path";
import { digestOf } from "../../src/bytes/hash.ts";

/** What Go's compress/gzip makes, at its level BestSpeed, of an input that a rule describes. */
export interface GzipVector {
  readonly name: string;
  readonly input: Buffer;
  /** Of the compressed bytes. */
  readonly digest: string;
  readonly size: number;
}

interface VectorRecord {
  readonly name: string;
  readonly kind: string;
  readonly seed: number;
  readonly size: number;
  readonly input_sha256: string;
  readonly gz_len: number;
  readonly gz_sha256: string;
}

const letters = "abcdefgh \n";
const a = "a".charCodeAt(0);

/** How the inputs are made: whole bytes drawn from the generator, or the position in the input. */
const rules: Readonly<Record<string, (size: number, draw: () => number) => Uint8Array>> = {
  zero: (size) => new Uint8Array(size),
  cycle: (size) => Uint8Array.from({ length: size }, (_, at) => at % 251),
  rand: (size, draw) => Uint8Array.from({ length: size }, draw),
  text10: (size, draw) => Uint8Array.from({ length: size }, () => letters.charCodeAt(draw() % 10)),
  text64: (size, draw) => Uint8Array.from({ length: size }, () => 32 + (draw() % 64)),
  halves: (size, draw) => {
    const start = Uint8Array.from({ length: 30_000 }, draw);
    return Uint8Array.from({ length: size }, (_, at) => start[at % start.length] as number);
  },
  runs: (size, draw) => {
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size; ) {
      const value = draw();
      const length = 1 + (draw() % 40);
      bytes.fill(value, at, at + length);
      at += length;
    }
    return bytes;
  },
  words: (size, draw) => {
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size; ) {
      const word = draw() % 64;
      const length = 3 + (word % 7);
      for (let i = 0; i < length; i++) bytes[at + i] = a + (((word % 20) + 3 * i) % 26);
      bytes[at + length] = 32;
      at += length + 1;
    }
    return bytes;
  },
};

/** The upper byte of a linear congruential generator. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  };
}

/** The vectors of test/fixtures/imgpkg, each input checked against its digest. */
export function gzipVectors(): GzipVector[] {
  const file = join(process.env["LADING_ROOT"] ?? process.cwd(), "test/fixtures/imgpkg/gzip-vectors.json");
  const records = JSON.parse(readFileSync(file, "utf8")) as VectorRecord[];
  return records.map((record) => {
    const input = Buffer.from(rules[record.kind]?.(record.size, generator(record.seed)) ?? []);
    if (digestOf(input) !== `sha256:${record.input_sha256}`)
      throw new Error(`${record.name} is not its input`);
    return { name: record.name, input, digest: `sha256:${record.gz_sha256}`, size: record.gz_len };
  });
}
