// node encoder.child.js best-speed|parallel INPUT OUTPUT: compresses a file.
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { gzipBestSpeed } from "../src/formats/gzip/best-speed.ts";
import { gzip } from "../src/formats/gzip/gzip.ts";

const [, , how, input = "", output = ""] = process.argv;
const source = createReadStream(input, { highWaterMark: 1024 * 1024 });
const file = await open(output, "w");
for await (const chunk of how === "parallel" ? gzip(source) : gzipBestSpeed(source)) await file.write(chunk);
await file.close();
