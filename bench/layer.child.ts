// node layer.child.js TREE TEMP_DIR LEVEL [FILE]: makes a gzip layer of the tree; writes it to FILE, if one is given.
import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createLayer } from "../src/image/layer/create.ts";

const [, , tree = "", tempDir = "", level = "1", file] = process.argv;
await using layer = await createLayer([{ path: tree }], { tempDir, level: Number(level) });
console.log(layer.descriptor.digest, layer.descriptor.size);
if (file !== undefined) {
  const copied = async function* () {
    for await (const chunk of await layer.body.open({ offset: 0 })) yield Buffer.from(chunk);
  };
  await pipeline(Readable.from(copied()), createWriteStream(file));
}
