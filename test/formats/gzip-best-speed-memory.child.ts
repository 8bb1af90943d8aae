// Compresses 96 MiB and unpacks them again; says whether they came back, and by how many bytes memory grew after the
// first 16 MiB.
import { createHash } from "node:crypto";
import { createGunzip } from "node:zlib";
import { gzipBestSpeed } from "../../src/formats/gzip/best-speed.ts";
import { sampleBytes } from "../support/sample-bytes.ts";

const mib = 1024 * 1024;
const chunk = sampleBytes(mib, 5);
const before = createHash("sha256");
const after = createHash("sha256");

async function* source(): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < 96; i++) {
    before.update(chunk);
    yield chunk;
  }
}

const unpacked = createGunzip();
unpacked.on("data", (data: Buffer) => after.update(data));
const ended = new Promise((resolve, reject) => unpacked.on("end", resolve).on("error", reject));
let written = 0;
let early = 0;
let most = 0;
for await (const data of gzipBestSpeed(source())) {
  written += data.length;
  // A copy: the buffer is used again for what comes next.
  await new Promise((resolve) => unpacked.write(Buffer.from(data), resolve));
  const { rss } = process.memoryUsage();
  if (written < 6 * mib) early = rss;
  most = Math.max(most, rss);
}
unpacked.end();
await ended;
process.stdout.write(
  JSON.stringify({ same: before.digest("hex") === after.digest("hex"), grown: most - early, written }),
);
