// Writes into a layout or an archive until it is done or killed. Arguments: what, path, number.
import { bodyOf } from "../../src/bytes/body.ts";
import { createDockerArchive, createOciArchive } from "../../src/stores/archive/archive-writer.ts";
import { openLayout } from "../../src/stores/layout/open.ts";
import type { Sink } from "../../src/stores/store.ts";
import { image } from "../support/content.ts";
import { bigContents } from "./big-contents.ts";

const [what = "", path = "", number = "0"] = process.argv.slice(2);

/** Slowly enough, in small pieces, for a kill to hit anything. Prints the bytes that were read from the source. */
async function writeAll(sink: Sink): Promise<void> {
  let read = 0;
  await Promise.all(
    bigContents().map(async (content, i) => {
      for (const each of content.nodes) {
        if (await sink.has(each)) continue;
        await sink.write(each, {
          size: each.bytes.length,
          open: async ({ offset }) =>
            (async function* () {
              for (let at = offset; at < each.bytes.length; at += 256 * 1024) {
                const chunk = each.bytes.subarray(at, at + 256 * 1024);
                read += chunk.length;
                process.stdout.write(`${read}\n`);
                yield chunk;
                await new Promise((resolve) => setTimeout(resolve, 1));
              }
            })(),
        });
      }
      await sink.tag(content.root, `v${i}`);
    }),
  );
  await sink.commit();
}

switch (what) {
  case "tags": {
    const store = await openLayout(path, { create: true });
    const content = image({ seed: Number(number) + 1 });
    for (const each of content.nodes) await store.write(each, bodyOf(each.bytes));
    for (let i = 0; i < 10; i++) await store.tag(content.root, `p${number}-${i}`);
    break;
  }
  case "layout":
    await writeAll(await openLayout(path, { create: true }));
    break;
  case "oci-archive":
    await writeAll(await createOciArchive(path));
    break;
  case "docker-archive":
    await writeAll(await createDockerArchive(path));
    break;
  default:
    throw new Error(`what is ${what}?`);
}
