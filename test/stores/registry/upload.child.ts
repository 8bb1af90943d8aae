import { createRegistryClient } from "../../../src/stores/registry/client.ts";
import { blob } from "../../support/content.ts";

/** Uploads a blob and stops for good in the middle: its parent kills it there. */
const [, , host = "", stateDir = "", size = "0", stopAt = "0"] = process.argv;
const each = blob(Number(size), 3);
const store = createRegistryClient({ stateDir }).repository({ registry: host, repository: "some/place" });
await store.write(each, {
  size: each.bytes.length,
  open: async ({ offset }) =>
    (async function* () {
      const step = 1 << 20;
      for (let at = offset; at < each.bytes.length; at += step) {
        if (at >= Number(stopAt)) {
          process.send?.("stopped");
          await new Promise((resolve) => setTimeout(resolve, 60_000));
        }
        yield each.bytes.subarray(at, at + step);
      }
    })(),
});
