import { isLadingError } from "../../errors.ts";
import { type Descriptor, descriptorToJson } from "../../spec/descriptor.ts";
import { algorithmOf, type Digest, hexOf } from "../../spec/digest.ts";
import { limits } from "../../spec/limits.ts";
import { parseManifest } from "../../spec/manifest.ts";
import { mediaTypes } from "../../spec/media-type.ts";
import { readBytes } from "../../stores/read.ts";
import { selectReferrers } from "../../stores/referrer.ts";
import type { Context } from "../context.ts";
import { requestedDigest } from "../digests.ts";
import { nextPage } from "../pages.ts";
import type { Repository } from "../repositories/repository.ts";

/** end-12: an index of the manifests whose subject is this digest; of what nobody refers to, or nobody has, an empty one. */
export async function listReferrers(context: Context, name: string, reference: string): Promise<void> {
  const { exchange, settings } = context;
  const digest = requestedDigest(reference);
  const artifactType = exchange.query.get("artifactType") ?? undefined;
  const after = exchange.query.get("last") ?? "";
  const repository = await context.repositories.find(name);
  const all = repository === undefined ? [] : await referrersOf(repository, digest, artifactType);
  const page: Record<string, unknown>[] = [];
  let bytes = 0;
  let last: string | undefined;
  let more = false;
  for (const descriptor of all) {
    if (descriptor.digest <= after) continue;
    const entry = descriptorToJson(descriptor);
    bytes += Buffer.byteLength(JSON.stringify(entry)) + 1;
    if (bytes > settings.limits.referrersPageBytes - 256 && page.length > 0) {
      more = true;
      break;
    }
    page.push(entry);
    last = descriptor.digest;
  }
  const path = `/v2/${name}/referrers/${digest}`;
  await exchange.sendJson(
    200,
    { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: page },
    {
      "content-type": mediaTypes.ociIndex,
      ...(artifactType === undefined ? {} : { "oci-filters-applied": "artifactType" }),
      ...(more && last !== undefined ? { link: nextPage(path, exchange.query, last, ["artifactType"]) } : {}),
    },
  );
}

/** Sorted by digest, so that pages hold when referrers come and go. */
async function referrersOf(
  repository: Repository,
  subject: Digest,
  artifactType: string | undefined,
): Promise<readonly Descriptor[]> {
  const found = new Map<string, Descriptor>();
  for (const descriptor of await adopted(repository, subject)) found.set(descriptor.digest, descriptor);
  for await (const descriptor of repository.store.referrers(subject))
    found.set(descriptor.digest, descriptor);
  return selectReferrers(found.values(), artifactType);
}

/**
 * What a fallback tag lists (distribution-spec, "Referrers Tag Schema"): clients made it while the content was in a registry
 * without this API, or in a layout.
 */
async function adopted(repository: Repository, subject: Digest): Promise<readonly Descriptor[]> {
  const { store } = repository;
  try {
    const descriptor = await store.resolve(`${algorithmOf(subject)}-${hexOf(subject).slice(0, 64)}`);
    if (descriptor.mediaType !== mediaTypes.ociIndex) return [];
    const bytes = await readBytes(store, "manifest", descriptor, limits.manifestBytes);
    const index = parseManifest(bytes, descriptor.mediaType);
    const listed = index.kind === "index" ? index.manifests : [];
    const here: Descriptor[] = [];
    for (const child of listed)
      if (await store.has({ kind: "manifest", descriptor: child })) here.push(child);
    return here;
  } catch (error) {
    if (isLadingError(error) && error.code !== "ERR_LADING_STORE") return [];
    throw error;
  }
}
