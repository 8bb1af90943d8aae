// node layer.child.js TREE TEMP_DIR [COMPRESSION]: prints a layer's digests and size as JSON.
import { createLayer } from "../../../src/image/layer/create.ts";
import type { Compression } from "../../../src/spec/media-type.ts";

const [, , tree = "", tempDir = "", compression = "gzip"] = process.argv;
await using layer = await createLayer([{ path: tree }], { tempDir, compression: compression as Compression });
process.stdout.write(
  JSON.stringify({
    digest: layer.descriptor.digest,
    diffId: layer.diffId,
    size: layer.descriptor.size,
  }),
);
