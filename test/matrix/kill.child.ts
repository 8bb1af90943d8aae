import { setTimeout as delay } from "node:timers/promises";
import { copy } from "../../src/copy/copy.ts";
import { openLayout } from "../../src/stores/layout/open.ts";
import { createRegistryClient } from "../../src/stores/registry/client.ts";
import type { Source } from "../../src/stores/store.ts";

// <layout> <host> <repository> <folder for unfinished uploads>: copies slowly, and says how many bytes went by

const [layout = "", host = "", repository = "", stateDir = ""] = process.argv.slice(2);

/** Leaves time to be killed in the middle. */
function slow(from: Source): Source {
  return {
    label: from.label,
    resolve: (...args) => from.resolve(...args),
    tags: (...args) => from.tags(...args),
    referrers: (...args) => from.referrers(...args),
    body: (node) => {
      const body = from.body(node);
      return {
        size: body.size,
        open: async (options) => {
          const stream = await body.open(options);
          return (async function* () {
            for await (const chunk of stream) {
              for (let at = 0; at < chunk.byteLength; at += 65_536) {
                await delay(1);
                yield chunk.subarray(at, at + 65_536);
              }
            }
          })();
        },
      };
    },
  };
}

await using client = createRegistryClient({ stateDir });
let bytes = 0;
await copy(
  [
    {
      from: slow(await openLayout(layout)),
      reference: "v1",
      to: client.repository({ registry: host, repository }),
      tags: ["v1"],
    },
  ],
  {
    concurrency: 2,
    on: (event) => {
      if (event.type !== "progress") return;
      bytes += event.bytes;
      process.stdout.write(`${bytes}\n`);
    },
  },
);
