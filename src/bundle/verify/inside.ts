import { allSettled } from "../../copy/together.ts";
import type { Digest } from "../../spec/digest.ts";
import type { ImageLocations, LocatedImage, LockedImage } from "../documents/model.ts";
import { locationsTag, lockName, lockRepositoryName, pinnedIn } from "../documents/names.ts";
import { readBundleFiles } from "../read/bundle-files.ts";
import { readImage } from "../read/image.ts";
import { readLocations } from "../read/locations-image.ts";
import { type Attempt, attempt } from "./attempt.ts";
import type { ContentChecker } from "./content.ts";
import { type Found, type LocateContext, locate } from "./locate.ts";
import type { VerifyProblem } from "./model.ts";

/** An image that a bundle names, looked at where it is or should be. */
export interface CheckedImage {
  readonly kind: "bundle" | "image";
  readonly origin: string;
  readonly image: string;
  readonly problems: readonly VerifyProblem[];
  /** Present for a bundle that was found: its own lock is next. */
  readonly bundle?: Found;
}

/** A locations image, and what is wrong with it or with what it says. */
export interface CheckedLocations {
  readonly image: string;
  readonly problems: readonly VerifyProblem[];
}

/** What one bundle names. */
export interface Inside {
  readonly images: readonly CheckedImage[];
  readonly locations?: CheckedLocations;
  /** Why its lock could not be read. */
  readonly problem?: VerifyProblem;
}

export interface InsideContext extends LocateContext {
  readonly content: ContentChecker;
  readonly abort: (reason: unknown) => void;
}

/** Looks at everything that one bundle names, each digest once; bundles in it are found and not opened. */
export async function lookInside(bundle: Found, context: InsideContext): Promise<Inside> {
  const { abort } = context;
  const [lock, locations] = await Promise.all([readLock(bundle, context), readSaid(bundle, context)]);
  if ("problem" in lock) {
    return { images: [], problem: lock.problem, ...(locations === undefined ? {} : { locations }) };
  }
  const said = new Map(locations?.said?.images.map((each) => [each.reference.digest, each]));
  const named = new Map<Digest, [LockedImage, ...LockedImage[]]>();
  for (const locked of lock.value) {
    const same = named.get(locked.reference.digest);
    if (same === undefined) named.set(locked.reference.digest, [locked]);
    else same.push(locked);
  }
  const looked = await allSettled(
    [...named].map(([digest, locked]) =>
      lookAt(bundle, locked, said.get(digest), locations?.said !== undefined, context),
    ),
    abort,
  );
  const images = looked.map(({ checked }) => checked);
  if (locations === undefined) return { images };
  const problems = [...locations.problems, ...looked.flatMap(({ lie }) => lie ?? [])];
  return { images, locations: { image: locations.image, problems } };
}

function readLock(
  { source, descriptor }: Found,
  { gate, signal }: InsideContext,
): Promise<Attempt<readonly LockedImage[]>> {
  const task = async (): Promise<readonly LockedImage[]> => {
    const { manifest } = await readImage(source, descriptor, { signal });
    if (manifest.kind !== "image") throw new Error("only an image is taken for a bundle");
    return (await readBundleFiles(source, manifest, { signal })).lock.images;
  };
  return attempt(() => gate(task), { signal });
}

/** Its locations image; one that is not there or not ours to see is none, as for a pull. */
async function readSaid(
  { source, reference, descriptor }: Found,
  { content, gate, signal }: InsideContext,
): Promise<(CheckedLocations & { readonly said?: ImageLocations }) | undefined> {
  const tag = locationsTag(descriptor.digest);
  const found = await attempt(() => gate(() => source.resolve(tag, { signal })), { signal });
  if ("problem" in found) {
    if (found.problem.state === "missing" || found.problem.state === "denied") return undefined;
    return { image: `${lockRepositoryName(reference)}:${tag}`, problems: [found.problem] };
  }
  const image = lockName(pinnedIn(reference, found.value.digest));
  const problems = await content.check(source, found.value);
  const read = await attempt(() => gate(() => readLocations(source, descriptor.digest, { signal })), {
    signal,
  });
  if ("problem" in read) return { image, problems: [...problems, read.problem] };
  return { image, problems, ...(read.value === undefined ? {} : { said: read.value }) };
}

interface Looked {
  readonly checked: CheckedImage;
  /** What the locations image says of it, and is not so. */
  readonly lie?: VerifyProblem;
}

async function lookAt(
  bundle: Found,
  locked: readonly [LockedImage, ...LockedImage[]],
  said: LocatedImage | undefined,
  isTold: boolean,
  context: InsideContext,
): Promise<Looked> {
  const { content, gate, signal } = context;
  const [{ image: origin }] = locked;
  const unsaid =
    isTold && said === undefined ? lie(`it does not tell of ${origin}, which the lock names`) : {};
  const found = await locate(bundle.reference, locked, said, context);
  const image = lockName(found.reference);
  if ("problem" in found) {
    const kind = said?.isBundle === true ? "bundle" : "image";
    return { checked: { kind, origin, image, problems: [found.problem] }, ...unsaid };
  }
  const problems = await content.check(found.source, found.descriptor);
  const { digest } = found.descriptor;
  const read = await attempt(() => gate(() => readImage(found.source, found.descriptor, { signal })), {
    signal,
    digest,
  });
  if ("problem" in read) {
    // Most likely what the check has found already.
    const all = problems.length === 0 ? [read.problem] : problems;
    return { checked: { kind: "image", origin, image, problems: all }, ...unsaid };
  }
  const { isBundle } = read.value;
  const checked: CheckedImage = isBundle
    ? { kind: "bundle", origin, image, problems, bundle: found }
    : { kind: "image", origin, image, problems };
  if (said === undefined || said.isBundle === isBundle) return { checked, ...unsaid };
  const [wrong, right] = isBundle ? ["an image", "a bundle"] : ["a bundle", "an image"];
  return { checked, ...lie(`it says that ${origin} is ${wrong}, and it is ${right}`) };
}

function lie(message: string): Pick<Looked, "lie"> {
  return { lie: { state: "wrong", message } };
}
