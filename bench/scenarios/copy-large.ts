import { prepareCopies } from "../copies.ts";
import type { Scenario } from "../scenario.ts";

const mib = 1024 * 1024;

/** Few requests, many bytes. */
export const scenario: Scenario = {
  name: "copy-large",
  title: "an image with large layers from registry to registry",
  registries: true,
  async prepare(bench) {
    const size = bench.quick ? 16 : 256;
    const layers = Array.from({ length: 4 }, (_, i) => ({ name: `layer-${i}`, size: size * mib }));
    return await prepareCopies(bench, [{ tag: "v1", layers }], `4 layers of ${size} MiB`);
  },
};
