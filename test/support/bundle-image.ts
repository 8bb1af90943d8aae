import { formatImagesLock, lockOf } from "../../src/bundle/documents/images-lock.ts";
import { formatLocations, shippedLocationsFile } from "../../src/bundle/documents/locations.ts";
import { bundleLabel, cosignTag, locationsTag, parsePinned } from "../../src/bundle/documents/names.ts";
import type { Descriptor } from "../../src/spec/descriptor.ts";
import type { Digest } from "../../src/spec/digest.ts";
import type { Sink } from "../../src/stores/store.ts";
import { file, putImage, tarOf } from "./image.ts";

export interface BundleImageOptions {
  /** References by digest, as the lock has them. */
  readonly images: readonly {
    readonly image: string;
    readonly annotations?: Readonly<Record<string, string>>;
  }[];
  /** The content of `.imgpkg/bundle.yml`. */
  readonly metadata?: string;
  /** The content of `.imgpkg/images.yml`, in place of one that has the images. */
  readonly lock?: string;
  readonly tag?: string;
}

/** Writes a bundle with this lock, made by nobody's push: any registry may hold one like it. */
export async function putBundle(sink: Sink, options: BundleImageOptions): Promise<Descriptor> {
  const lock = options.lock ?? formatImagesLock(lockOf(options.images));
  const tar = tarOf(
    { name: ".imgpkg/" },
    file(".imgpkg/images.yml", lock),
    ...(options.metadata === undefined ? [] : [file(".imgpkg/bundle.yml", options.metadata)]),
    file("config.yml", "a: 1\n"),
  );
  const { descriptor } = await putImage(sink, [tar], {
    format: "docker",
    labels: { [bundleLabel]: "true" },
    ...(options.tag === undefined ? {} : { tag: options.tag }),
  });
  return descriptor;
}

/** Writes a locations image that says this, true or not. */
export async function putLocations(
  sink: Sink,
  bundle: Digest,
  images: readonly { readonly image: string; readonly isBundle: boolean; readonly repository?: string }[],
): Promise<Descriptor> {
  const { shipped } = formatLocations({
    images: images.map((each) => ({ ...each, reference: parsePinned(each.image) })),
  });
  const { descriptor } = await putImage(sink, [tarOf(file(shippedLocationsFile, shipped))], {
    format: "docker",
    tag: locationsTag(bundle),
  });
  return descriptor;
}

/** Writes something for cosign's tag; what is in it is nobody's business here. */
export async function putCosign(
  sink: Sink,
  digest: Digest,
  kind: "sig" | "att" | "sbom",
): Promise<Descriptor> {
  const { descriptor } = await putImage(sink, [tarOf(file(`${kind} of ${digest}`))], {
    tag: cosignTag(digest, kind),
  });
  return descriptor;
}
