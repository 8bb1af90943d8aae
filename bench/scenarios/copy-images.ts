import { prepareCopies } from "../copies.ts";
import type { Scenario } from "../scenario.ts";

const mb = 1_000_000;

/** A release of many services over one base. */
export const scenario: Scenario = {
  name: "copy-images",
  title: "many images with shared layers from registry to registry",
  registries: true,
  async prepare(bench) {
    const size = bench.quick ? mb / 10 : mb;
    const images = Array.from({ length: 12 }, (_, i) => ({
      tag: `v${i}`,
      layers: [
        { name: "base", size: 24 * size },
        { name: "runtime", size: 12 * size },
        { name: `packages-${i}`, size: 6 * size },
        { name: `app-${i}`, size: size / 2 },
      ],
    }));
    return await prepareCopies(bench, images, "12 images, 4 layers each, 2 of them shared");
  },
};
