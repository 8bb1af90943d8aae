import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { collect } from "../src/bytes/collect.ts";
import { decompress } from "../src/formats/compression.ts";
import { readTar } from "../src/formats/tar/read.ts";

/** A digest over the files of a tar (compressed or not): names and contents, in the order of the names. */
export async function tarTreeDigest(path: string): Promise<string> {
  const files: string[] = [];
  for await (const item of readTar(decompress(createReadStream(path, { highWaterMark: 1024 * 1024 })))) {
    if (item.type !== "file") continue;
    const content = await collect(item.content(), 1024 ** 3, item.name);
    files.push(line(item.name.replace(/^\.\//, ""), content));
  }
  return summary(files);
}

/** The same digest over the files in a folder. */
export async function folderTreeDigest(folder: string): Promise<string> {
  const files: string[] = [];
  const collectFrom = async (prefix: string): Promise<void> => {
    for (const entry of await readdir(join(folder, prefix), { withFileTypes: true })) {
      const name = prefix === "" ? entry.name : `${prefix}/${entry.name}`;
      if (entry.isDirectory()) await collectFrom(name);
      else files.push(line(name, await readFile(join(folder, name))));
    }
  };
  await collectFrom("");
  return summary(files);
}

function line(name: string, content: Buffer): string {
  return `${name} ${createHash("sha256").update(content).digest("hex")}\n`;
}

function summary(files: string[]): string {
  return `${files.length} files, ${createHash("sha256").update(files.sort().join("")).digest("hex").slice(0, 12)}`;
}
