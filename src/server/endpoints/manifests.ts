import { bodyOf } from "../../bytes/body.ts";
import { collect } from "../../bytes/collect.ts";
import { digestOf } from "../../bytes/hash.ts";
import { isLadingError } from "../../errors.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import { algorithmOf, type Digest } from "../../spec/digest.ts";
import { childrenOf } from "../../spec/graph.ts";
import { type Manifest, parseManifest } from "../../spec/manifest.ts";
import { isTag } from "../../spec/reference.ts";
import { type Context, knownRepository } from "../context.ts";
import { requestedDigest } from "../digests.ts";
import { Fault } from "../errors.ts";
import type { Repository } from "../repositories/repository.ts";

function unknownManifest(reference: string): Fault {
  return new Fault(
    404,
    "MANIFEST_UNKNOWN",
    "manifest unknown: there is none of this name in the repository",
    {
      detail: { reference: reference.slice(0, 160) },
    },
  );
}

/** Looks a tag or digest up. @throws Fault MANIFEST_UNKNOWN, DIGEST_INVALID */
async function known(repository: Repository, reference: string): Promise<Descriptor> {
  if (reference.includes(":")) requestedDigest(reference);
  else if (!isTag(reference)) throw unknownManifest(reference);
  try {
    return await repository.store.resolve(reference);
  } catch (error) {
    if (isLadingError(error) && error.code === "ERR_LADING_NOT_FOUND") throw unknownManifest(reference);
    throw error;
  }
}

/** end-3 */
export async function getManifest(context: Context, name: string, reference: string): Promise<void> {
  const { exchange } = context;
  const repository = await knownRepository(context, name);
  const descriptor = await known(repository, reference);
  // A layout may list what it does not hold.
  if (!(await repository.store.has({ kind: "manifest", descriptor }))) throw unknownManifest(reference);
  const etag = `"${descriptor.digest}"`;
  const headers = {
    "content-type": descriptor.mediaType,
    "docker-content-digest": descriptor.digest,
    etag,
    "x-content-type-options": "nosniff",
  };
  if (exchange.header("if-none-match") === etag) return exchange.send(304, headers);
  const body = repository.store.body({ kind: "manifest", descriptor });
  return exchange.sendStream(200, headers, descriptor.size, () => body.open({ offset: 0 }));
}

/** end-7a and 7b */
export async function putManifest(context: Context, name: string, reference: string): Promise<void> {
  const { exchange, settings } = context;
  const byDigest = reference.includes(":");
  const stated = byDigest ? requestedDigest(reference) : optionalDigest(exchange.query.get("digest"));
  const tags = tagsOf(context, byDigest ? undefined : reference);
  const raw = await collect(
    exchange.body(settings.limits.manifestBytes, "a manifest"),
    settings.limits.manifestBytes,
    "the manifest",
  );
  const digest = digestOf(raw, stated === undefined ? "sha256" : algorithmOf(stated));
  if (stated !== undefined && digest !== stated) {
    throw new Fault(400, "DIGEST_INVALID", `the manifest is ${digest}`, { detail: { digest: stated } });
  }
  const manifest = parse(raw, exchange.header("content-type"));
  const descriptor: Descriptor = { mediaType: manifest.mediaType, digest, size: raw.byteLength };
  const repository = await context.repositories.open(name);
  await repository.lock.shared(async () => {
    await checkChildren(context, repository, manifest);
    await repository.store.write({ kind: "manifest", descriptor }, bodyOf(raw));
    for (const tag of tags) await repository.store.tag(descriptor, tag);
  });
  const asked = exchange.query.getAll("tag");
  await exchange.send(201, {
    location: `/v2/${name}/manifests/${digest}`,
    "docker-content-digest": digest,
    ...(manifest.subject === undefined ? {} : { "oci-subject": manifest.subject.digest }),
    ...(asked.length === 0 ? {} : { "oci-tag": [...new Set(asked)] }),
  });
}

function optionalDigest(text: string | null): Digest | undefined {
  return text === null ? undefined : requestedDigest(text);
}

function tagsOf(context: Context, first: string | undefined): readonly string[] {
  const tags = new Set([...(first === undefined ? [] : [first]), ...context.exchange.query.getAll("tag")]);
  for (const tag of tags) {
    if (!isTag(tag)) {
      throw new Fault(400, "TAG_INVALID", "not a tag", { detail: { tag: tag.slice(0, 160) } });
    }
  }
  return [...tags];
}

function parse(raw: Uint8Array, contentType: string | undefined): Manifest {
  const mediaType = contentType?.split(";", 1)[0]?.trim();
  try {
    return parseManifest(raw, mediaType === "" ? undefined : mediaType);
  } catch (error) {
    if (!isLadingError(error)) throw error;
    throw new Fault(400, "MANIFEST_INVALID", error.message, { cause: error });
  }
}

async function checkChildren(context: Context, repository: Repository, manifest: Manifest): Promise<void> {
  const { children } = context.settings;
  if (children === "none") return;
  const missing: { digest: Digest; mediaType: string }[] = [];
  for (const child of childrenOf(manifest)) {
    if (child.optional || (child.kind === "manifest" && children === "blobs")) continue;
    if (!(await repository.store.has(child)))
      missing.push({ digest: child.descriptor.digest, mediaType: child.descriptor.mediaType });
    if (missing.length === 10) break;
  }
  if (missing.length > 0) {
    throw new Fault(404, "MANIFEST_BLOB_UNKNOWN", "the repository lacks content that the manifest lists", {
      detail: missing,
    });
  }
}

/** end-9: a tag goes alone, a digest takes its tags with it. */
export async function deleteManifest(context: Context, name: string, reference: string): Promise<void> {
  const byDigest = reference.includes(":");
  const repository = await knownRepository(context, name);
  const removed = await repository.lock.exclusive(async () => {
    const descriptor = await known(repository, reference);
    return byDigest
      ? repository.store.remove({ kind: "manifest", descriptor })
      : repository.store.untag(reference);
  });
  if (!removed) throw unknownManifest(reference);
  await context.exchange.send(202);
}
