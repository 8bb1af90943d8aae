import { randomUUID } from "node:crypto";
import { digestOf } from "../../bytes/hash.ts";
import { isLadingError } from "../../errors.ts";
import { shortDigest } from "../../spec/digest.ts";
import type { Node } from "../../spec/graph.ts";
import { parseManifest } from "../../spec/manifest.ts";
import { mediaTypes } from "../../spec/media-type.ts";
import { getManifest, putManifest } from "./manifests.ts";
import type { KnownManifest } from "./memo.ts";
import type { ReferrersFallback } from "./referrers.ts";
import type { RepositorySession } from "./session.ts";

/** What registries without the deletion of tags answer; docker-registry 2 wants a digest there. */
const noTagDeletes: readonly number[] = [400, 405, 501];

/** Removes a tag and nothing else. @returns false when there was none */
export async function removeTag(
  session: RepositorySession,
  name: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const status = await remove(session, name, `remove tag ${name}`, noTagDeletes, signal);
  if (noTagDeletes.includes(status)) return removeTagByDigest(session, name, signal);
  return status !== 404;
}

/**
 * Moves the tag to a manifest of its own and removes that one: the tag goes with it, and what it named stays. First a
 * trial shows that this registry removes manifests at all, so that no tag is left at the stand-in.
 */
async function removeTagByDigest(
  session: RepositorySession,
  name: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  let named: KnownManifest;
  try {
    named = await getManifest(session, name, signal);
  } catch (error) {
    if (isLadingError(error) && error.code === "ERR_LADING_NOT_FOUND") return false;
    throw error;
  }
  const what = `remove tag ${name}`;
  const trial = standIn();
  await putManifest(session, trial, trial.descriptor.digest, { signal });
  await remove(session, trial.descriptor.digest, what, [], signal);
  const instead = standIn();
  await putManifest(session, instead, name, { signal });
  try {
    await remove(session, instead.descriptor.digest, what, [], signal);
  } catch (error) {
    await putManifest(session, named, name, { signal: undefined });
    throw error;
  } finally {
    session.memo.forget(instead.descriptor.digest);
  }
  return true;
}

/** An empty index unlike any other. */
function standIn(): KnownManifest {
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests: [],
      annotations: { "lading.untag": randomUUID() },
    }),
  );
  return {
    bytes,
    descriptor: { mediaType: mediaTypes.ociIndex, digest: digestOf(bytes), size: bytes.byteLength },
  };
}

async function remove(
  session: RepositorySession,
  reference: string,
  what: string,
  alsoExpect: readonly number[],
  signal: AbortSignal | undefined,
): Promise<number> {
  const answer = await session.send({
    method: "DELETE",
    to: `manifests/${reference}`,
    what,
    access: "delete",
    expect: [202, 200, 204, 404, ...alsoExpect],
    signal,
  });
  await answer.discard();
  return answer.status;
}

/** Removes a manifest with all its tags, or a blob. @returns false when it was not there */
export async function removeNode(
  session: RepositorySession,
  fallback: ReferrersFallback,
  node: Node,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { kind, descriptor } = node;
  const subject = kind === "manifest" ? await subjectOf(session, node, signal) : undefined;
  const answer = await session.send({
    method: "DELETE",
    to: `${kind === "manifest" ? "manifests" : "blobs"}/${descriptor.digest}`,
    what: `remove ${kind} ${shortDigest(descriptor.digest)}`,
    access: "delete",
    expect: [202, 200, 204, 404],
    signal,
  });
  await answer.discard();
  session.memo.learn(node, undefined);
  session.memo.forget(descriptor.digest);
  if (answer.status === 404) return false;
  if (subject !== undefined && session.features.referrersApi !== true) {
    await fallback.change("remove", subject, descriptor, signal);
  }
  return true;
}

async function subjectOf(session: RepositorySession, node: Node, signal: AbortSignal | undefined) {
  if (session.features.referrersApi === true) return undefined;
  try {
    const { bytes, descriptor } = await getManifest(session, node.descriptor.digest, signal);
    return parseManifest(bytes, descriptor.mediaType).subject?.digest;
  } catch (error) {
    // What cannot be read can be removed all the same.
    if (isLadingError(error)) return undefined;
    throw error;
  }
}
