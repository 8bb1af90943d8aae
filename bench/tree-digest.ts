import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { collect } from "../src/bytes/collect.ts";
import { decompress } from "../src/formats/compression.ts";
import { readTar } from "../src/formats/tar/read.ts";

/** A digest over the files of a tar (compressed or not): names and contents, in the order of the names. */
export async function tarTreeDigest(path: string): Promise<string> {
  const files: string[] = [];
  for await (const item of readTar(decompress(createReadStream(path, { highWaterMark: 1024 * 1024 })))) {
    if (item.type !== "file") continue;
    const content = await collect(item.content(), 1024 ** 3, item.name);
    files.push(`${item.name.replace(/^\.\//, "")} ${createHash("sha256").update(content).digest("hex")}\n`);
  }
  return `${files.length} files, ${createHash("sha256").update(files.sort().join("")).digest("hex").slice(0, 12)}`;
}
