/** What `pull` takes, from its source flags. */
import { resolve } from "node:path";
import { parseBundleLock } from "../bundle/documents/bundle-lock.ts";
import { readLockBytes } from "../bundle/documents/lock-file.ts";
import { lockName, parsePinned } from "../bundle/documents/names.ts";
import type { BundleToPlan } from "../bundle/pull/plan-bundle.ts";
import { readImage } from "../bundle/read/image.ts";
import type { Repositories } from "../bundle/repositories.ts";
import { during } from "../bundle/steps.ts";
import { type BundleTar, isImgpkgTar, openTar, rootBundleLabel, type TarRoot } from "../bundle/tar/open.ts";
import { LadingError } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import type { Digest } from "../spec/digest.ts";
import { parseReference, type Reference, targetOf, withDigest } from "../spec/reference.ts";
import { parsePlace } from "../stores/place.ts";
import type { Source } from "../stores/store.ts";
import type { Context } from "./command.ts";
import type { Places } from "./places.ts";

export interface PullSourceOptions {
  readonly bundle: string | undefined;
  readonly image: string | undefined;
  readonly lock: string | undefined;
  readonly tar: string | undefined;
}

/** What is to be pulled; the registry has been asked for it. */
export type PullSource =
  | { readonly kind: "bundle"; readonly root: BundleToPlan; readonly repositories: Repositories<Source> }
  | {
      readonly kind: "image";
      readonly source: Source;
      readonly descriptor: Descriptor;
      /** As the user may write it again. */
      nameOf(digest: Digest): string;
      /** As imgpkg writes it. */
      imgpkgNameOf(digest: Digest): string;
    };

/** @throws LadingError ERR_LADING_NOT_FOUND, ERR_LADING_REFERENCE, ERR_LADING_DOCUMENT for a lock or tar, and others */
export async function openPullSource(
  { bundle, image, lock, tar }: PullSourceOptions,
  places: Places,
  context: Context,
): Promise<PullSource> {
  if (bundle) return await bundleInRegistry(parseReference(bundle), places, context);
  if (lock) return await bundleInRegistry(await lockedBundle(lock, context), places, context);
  if (image) return await imageAt(image, places, context);
  return await inTar(tar ?? "", places, context);
}

async function bundleInRegistry(
  reference: Reference,
  places: Places,
  { signal }: Context,
): Promise<PullSource> {
  const source = (await places.client(reference.registry)).repository(reference);
  const descriptor = await during("Fetching image", () => source.resolve(targetOf(reference), { signal }));
  return { kind: "bundle", root: { reference, source, descriptor }, repositories: places.repositories() };
}

async function lockedBundle(file: string, { environment, signal }: Context): Promise<Reference> {
  const bytes = await readLockBytes(resolve(environment.cwd, file), { shown: file, signal });
  return parseBundleLock(bytes, file).reference;
}

async function imageAt(text: string, places: Places, { signal }: Context): Promise<PullSource> {
  const place = parsePlace(text);
  const { source, reference, nameOf } = await places.source(text);
  const descriptor = await during("Fetching image", () => source.resolve(reference, { signal }));
  const imgpkgNameOf =
    place.kind === "registry" ? (digest: Digest) => lockName(withDigest(place.reference, digest)) : nameOf;
  return { kind: "image", source, descriptor, nameOf, imgpkgNameOf };
}

async function inTar(file: string, places: Places, { environment, signal }: Context): Promise<PullSource> {
  const path = resolve(environment.cwd, file);
  if (!(await isImgpkgTar(path, { signal }))) {
    throw new LadingError("ERR_LADING_USAGE", `${file} is an archive, and not a tar of imgpkg`, {
      hint: `pull -i oci-archive:${file} or docker-archive:${file}`,
    });
  }
  const tar = places.keep(await openTar(path, { signal }));
  const { root, isBundle } = await rootOf(tar, signal);
  const { descriptor } = root;
  if (isBundle) {
    const reference = parsePinned(root.refs[0] ?? `tar.invalid/bundle@${descriptor.digest}`);
    // Whatever repository a lock names: what the tar does not have is nowhere.
    return {
      kind: "bundle",
      root: { reference, source: tar, descriptor },
      repositories: { open: async () => tar },
    };
  }
  const name = root.refs[0] ?? file;
  return { kind: "image", source: tar, descriptor, nameOf: () => name, imgpkgNameOf: () => name };
}

/** The bundle that was copied into the tar, or the one image there is. */
async function rootOf(
  tar: BundleTar,
  signal: AbortSignal,
): Promise<{ readonly root: TarRoot; readonly isBundle: boolean }> {
  const labelled = tar.roots.find(
    ({ labels }) => labels !== undefined && Object.hasOwn(labels, rootBundleLabel),
  );
  if (labelled !== undefined) return { root: labelled, isBundle: true };
  const [only, ...others] = tar.roots;
  if (only === undefined || others.length > 0) {
    throw new LadingError(
      "ERR_LADING_USAGE",
      `the tar has ${tar.roots.length} images, and none of them is named as the bundle`,
      {
        place: tar.label,
        hint: "copy it to a repository with copy --tar, and pull from there",
      },
    );
  }
  return { root: only, isBundle: (await readImage(tar, only.descriptor, { signal })).isBundle };
}
