// slow <path>            writes the big image slowly, to be killed, and says how many bytes it has read from the source
// layout <folder> <path> writes the image of a layout; says the peak of its memory
// import <path> <host>   copies the image of a tar to a registry; says the peak of its memory
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { openTar } from "../../../src/bundle/tar/open.ts";
import { writeTar } from "../../../src/bundle/tar/write.ts";
import { copy } from "../../../src/copy/copy.ts";
import { openLayout } from "../../../src/stores/layout/open.ts";
import { createRegistryClient } from "../../../src/stores/registry/client.ts";
import { bigImage } from "./big-image.ts";
import { storeOf, tapped, tarImage } from "./tars.ts";

const [what = "", first = "", second = ""] = process.argv.slice(2);

/** Peak of the memory that this process held, in bytes (proc(5), VmHWM). */
function peak(): number {
  return Number(/VmHWM:\s+([0-9]+) kB/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) * 1024;
}

switch (what) {
  case "slow": {
    const content = bigImage();
    let read = 0;
    const source = tapped(await storeOf(content), (body) => ({
      size: body.size,
      open: async (from) => {
        const stream = await body.open(from);
        return (async function* () {
          for await (const chunk of stream) {
            for (let at = 0; at < chunk.byteLength; at += 1 << 18) {
              const piece = chunk.subarray(at, at + (1 << 18));
              read += piece.byteLength;
              process.stdout.write(`${read}\n`);
              yield piece;
              await delay(1);
            }
          }
        })();
      },
    }));
    await writeTar(first, [tarImage(source, content, { tag: "v1" })], { concurrency: 3 });
    break;
  }
  case "layout": {
    const source = await openLayout(first);
    const root = await source.resolve("v1");
    await writeTar(second, [tarImage(source, { root, nodes: [] })]);
    process.stdout.write(`${peak()}\n`);
    break;
  }
  case "import": {
    await using client = createRegistryClient();
    await using from = await openTar(first);
    const to = client.repository({ registry: second, repository: "big" });
    await copy([{ from, reference: "", to, tags: ["v1"] }]);
    process.stdout.write(`${peak()}\n`);
    break;
  }
  default:
    throw new Error(`what is ${what}?`);
}
