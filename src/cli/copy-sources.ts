/** What `copy` takes along, from its source flags. */
import { resolve } from "node:path";
import { gatherBundle } from "../bundle/copy/gather-bundle.ts";
import {
  bundleInImagesLock,
  bundleNotImage,
  gatherImages,
  type NamedImage,
} from "../bundle/copy/gather-images.ts";
import { gatherTar } from "../bundle/copy/gather-tar.ts";
import type { CopySet, GatherOptions } from "../bundle/copy/model.ts";
import { parseLockFile, readLockBytes } from "../bundle/documents/lock-file.ts";
import type { ImagesLock } from "../bundle/documents/model.ts";
import { lockName } from "../bundle/documents/names.ts";
import { during } from "../bundle/steps.ts";
import { isImgpkgTar, openTar } from "../bundle/tar/open.ts";
import { LadingError } from "../errors.ts";
import { parseReference, type Reference, withDigest } from "../spec/reference.ts";
import { parsePlace } from "../stores/place.ts";
import type { Store } from "../stores/store.ts";
import type { Context } from "./command.ts";
import { type Places, type SourcePlace, shortTag } from "./places.ts";

export interface SourceOptions {
  readonly bundle: string | undefined;
  readonly image: string | undefined;
  readonly lock: string | undefined;
  readonly tar: string | undefined;
  readonly ignoreBundleCheck: boolean;
}

export interface SourceContext {
  readonly places: Places;
  readonly context: Context;
  readonly gather: GatherOptions;
  /** The repository that it goes to; a tar goes nowhere else. */
  readonly to?: Store;
}

/** @throws LadingError what gathering throws; ERR_LADING_REFERENCE, ERR_LADING_DOCUMENT for a lock */
export async function gatherSource(source: SourceOptions, at: SourceContext): Promise<CopySet> {
  const { bundle, image, lock, tar, ignoreBundleCheck } = source;
  if (bundle) return gatherNamedBundle(parseReference(bundle), at);
  if (image) {
    const place = await at.places.source(image);
    const refusal = ignoreBundleCheck ? {} : { refuseBundles: bundleNotImage };
    return gatherImages([namedImage(place, image)], { ...at.gather, ...refusal });
  }
  return lock ? gatherLock(lock, at) : gatherArchive(tar ?? "", at);
}

async function gatherNamedBundle(
  reference: Reference,
  { places, gather }: SourceContext,
  tag: string | undefined = reference.digest === undefined ? (reference.tag ?? "latest") : undefined,
): Promise<CopySet> {
  const source = (await places.client(reference.registry)).repository(reference);
  const named = { reference, source, ...(tag === undefined ? {} : { tag }) };
  return gatherBundle(named, places.repositories(), gather);
}

/**
 * The registry of a BundleLock is named by the call, as with `-b`. Those of an ImagesLock are not: somebody else may have
 * written it, and what flags say about who the user is must not go wherever it leads.
 */
async function gatherLock(file: string, at: SourceContext): Promise<CopySet> {
  const { environment, signal } = at.context;
  const path = resolve(environment.cwd, file);
  const read = await during("Trying to read bundle or images lock file", async () =>
    parseLockFile(await readLockBytes(path, { shown: file, signal }), file),
  );
  if (read.kind === "BundleLock") {
    const set = await gatherNamedBundle(read.lock.reference, at, read.lock.tag);
    // As imgpkg: what a lock file names is called by the repository that it is copied from, wherever it was before.
    return { ...set, images: set.images.map((image) => ({ ...image, origin: "" })) };
  }
  return gatherImages(await imagesOf(read.lock, at.places), {
    ...at.gather,
    lock: read.lock,
    refuseBundles: bundleInImagesLock,
  });
}

async function imagesOf(lock: ImagesLock, places: Places): Promise<NamedImage[]> {
  const repositories = places.repositories();
  const images: NamedImage[] = [];
  for (const { reference } of lock.images) {
    images.push({
      source: await repositories.open(reference),
      reference: reference.digest,
      name: lockName(reference),
      nameOf: (digest) => lockName(withDigest(reference, digest)),
    });
  }
  return images;
}

async function gatherArchive(file: string, at: SourceContext): Promise<CopySet> {
  const { places, context, gather, to } = at;
  if (to === undefined) throw new LadingError("ERR_LADING_USAGE", "a tar is copied to a repository");
  const path = resolve(context.environment.cwd, file);
  const { signal } = context;
  if (await isImgpkgTar(path, { signal })) {
    const tar = places.keep(await openTar(path, { signal }));
    return gatherTar(tar, to, places.repositories(), gather);
  }
  const found = await places.archive(file);
  return gatherImages(
    found.map((place) => ({ ...namedImage(place, place.name), foundBy: "archive" })),
    gather,
  );
}

/** In a registry by the name that imgpkg has for it, elsewhere as the user would write it. */
function namedImage(place: SourcePlace, text: string): NamedImage {
  const { source, reference, name, nameOf } = place;
  const at = parsePlace(text);
  const tag = shortTag(at.kind === "registry" && at.reference.digest !== undefined ? undefined : place.tag);
  return {
    ...{ source, reference, name },
    nameOf: at.kind === "registry" ? (digest) => lockName(withDigest(at.reference, digest)) : nameOf,
    ...(tag === undefined ? {} : { tag }),
  };
}
