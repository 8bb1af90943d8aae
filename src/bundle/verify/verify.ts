/** Looks whether everything that a bundle needs is where it should be. */
import { allSettled, createGate, linkedAbort } from "../../copy/together.ts";
import { LadingError } from "../../errors.ts";
import type { EventListener } from "../../events.ts";
import { limits } from "../../spec/limits.ts";
import { type Reference, targetOf } from "../../spec/reference.ts";
import type { CallOptions, Source } from "../../stores/store.ts";
import { lockName, pinnedIn } from "../documents/names.ts";
import { ImageFinder } from "../read/find.ts";
import { readImage } from "../read/image.ts";
import type { Repositories } from "../repositories.ts";
import { during } from "../steps.ts";
import { ContentChecker } from "./content.ts";
import { type Inside, type InsideContext, lookInside } from "./inside.ts";
import type { Found } from "./locate.ts";
import { type BundleVerifyReport, worstOf } from "./model.ts";
import { Rows } from "./rows.ts";

export interface VerifyBundleOptions extends CallOptions {
  /** Read every blob and hash it; otherwise blobs have to be there with the right size. Default false. */
  readonly bytes?: boolean;
  /** Requests at a time. Default 8. */
  readonly concurrency?: number;
  /** `planned`, `started`, `progress` and `finished` of the blobs that are read. */
  readonly on?: EventListener;
}

export interface BundleToVerify {
  readonly reference: Reference;
  readonly source: Source;
}

/**
 * Verifies a bundle with everything below it, and goes on where something is wrong: what is wrong is the result.
 * @throws LadingError what reading the bundle's own manifest and config throws; ERR_LADING_USAGE when it is no bundle;
 *   ERR_LADING_LIMIT when it and the bundles in it name more than 100,000 images
 */
export async function verifyBundle(
  { reference, source }: BundleToVerify,
  repositories: Repositories<Source>,
  { bytes = false, concurrency = 8, on = () => {}, ...options }: VerifyBundleOptions = {},
): Promise<BundleVerifyReport> {
  const { signal, abort } = linkedAbort(options.signal);
  const gate = createGate(concurrency);
  const content = new ContentChecker({ gate, signal, abort, bytes, on });
  const root = await during("Fetching image", () => findRoot(reference, source, signal));
  const image = lockName(root.reference);
  const rows = new Rows();
  rows.add({ kind: "bundle", origin: image, image }, await content.check(source, root.descriptor));
  const finder = new ImageFinder(root, repositories, gate, { signal, kinds: true, missing: "fail" });
  await openAll(root, rows, { finder, content, gate, signal, abort });
  const images = rows.list();
  return {
    bundle: image,
    state: worstOf(images.map(({ state }) => state)),
    images,
    checked: content.checked,
    bytes: content.bytes,
  };
}

async function findRoot(reference: Reference, source: Source, signal: AbortSignal): Promise<Found> {
  const descriptor = await source.resolve(targetOf(reference), { signal });
  if (!(await readImage(source, descriptor, { signal })).isBundle) {
    throw new LadingError("ERR_LADING_USAGE", "Expected bundle image but found plain image", {
      place: source.label,
      hint: "lading image inspect shows what it is",
    });
  }
  return { reference: pinnedIn(reference, descriptor.digest), source, descriptor };
}

/** Bundles that are looked into at the same time: what is found in each is held until all are done. */
const together = 32;

/** In the order in which they are met, so that each bundle is opened once however many name it. */
async function openAll(root: Found, rows: Rows, context: InsideContext): Promise<void> {
  const opened = new Set([lockName(root.reference)]);
  const ahead: Found[] = [root];
  while (ahead.length > 0) {
    const bundles = ahead.splice(0, together);
    const insides = await allSettled(
      bundles.map((bundle) => lookInside(bundle, context)),
      context.abort,
    );
    for (const [i, inside] of insides.entries()) {
      const bundle = bundles[i];
      if (bundle !== undefined) addRows(lockName(bundle.reference), inside, rows);
      for (const { image, bundle: nested } of inside.images) {
        if (nested === undefined || opened.has(image)) continue;
        opened.add(image);
        ahead.push(nested);
      }
      if (rows.count <= limits.graphNodes) continue;
      throw new LadingError(
        "ERR_LADING_LIMIT",
        `the bundle names more than ${limits.graphNodes} images, the bundles within bundles counted each time`,
        { place: lockName(root.reference) },
      );
    }
  }
}

function addRows(bundle: string, { problem, locations, images }: Inside, rows: Rows): void {
  if (problem !== undefined) rows.addProblem(bundle, problem);
  if (locations !== undefined) {
    const { image, problems } = locations;
    rows.add({ kind: "locations", origin: image, image }, problems, bundle);
  }
  for (const { kind, origin, image, problems } of images) {
    rows.add({ kind, origin, image }, problems, bundle);
  }
}
