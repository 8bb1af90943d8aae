import type { Descriptor } from "../../spec/descriptor.ts";
import type { Manifest } from "../../spec/manifest.ts";
import { formatPlatform } from "../../spec/platform.ts";
import { imagesOf } from "../../spec/select.ts";
import { readManifest } from "../../stores/read.ts";
import type { CallOptions, Source } from "../../stores/store.ts";
import type { DescribedImage } from "./model.ts";

/**
 * The layers of an image; of a multi-platform image its platforms, and as imgpkg has them the layers for linux/amd64,
 * where it is among them.
 * @throws what `readManifest` throws
 */
export async function describeLayers(
  source: Source,
  descriptor: Descriptor,
  options: CallOptions,
): Promise<Pick<DescribedImage, "layers" | "platforms">> {
  const manifest = await readManifest(source, descriptor, options);
  if (manifest.kind !== "index") return layersOf(manifest);
  const images = imagesOf(manifest);
  const usual = images.find(({ platform }) => platform?.os === "linux" && platform.architecture === "amd64");
  return {
    ...(usual === undefined ? {} : layersOf(await readManifest(source, usual, options))),
    platforms: images.map(({ digest, platform }) => ({
      digest,
      ...(platform === undefined ? {} : { platform: formatPlatform(platform) }),
    })),
  };
}

function layersOf(manifest: Manifest): Pick<DescribedImage, "layers"> {
  const blobs =
    manifest.kind === "image" ? manifest.layers : manifest.kind === "artifact" ? manifest.blobs : [];
  return blobs.length === 0 ? {} : { layers: blobs.map(({ digest }) => ({ digest })) };
}
