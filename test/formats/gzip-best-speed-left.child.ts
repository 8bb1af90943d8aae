// Leaves a stream alone that is under way on a thread; the process has to end all the same.
import { gzipBestSpeed } from "../../src/formats/gzip/best-speed.ts";
import { sampleBytes } from "../support/sample-bytes.ts";

const chunk = sampleBytes(1024 * 1024);
async function* endless(): AsyncGenerator<Uint8Array> {
  for (;;) yield chunk;
}

let threads = 0;
process.on("worker", () => threads++);
const output = gzipBestSpeed(endless());
for (let i = 0; i < 5; i++) await output.next();
process.stdout.write(`${threads} thread`);
