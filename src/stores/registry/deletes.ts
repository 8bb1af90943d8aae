import { isLadingError } from "../../errors.ts";
import { shortDigest } from "../../spec/digest.ts";
import type { Node } from "../../spec/graph.ts";
import { parseManifest } from "../../spec/manifest.ts";
import { getManifest } from "./manifests.ts";
import type { ReferrersFallback } from "./referrers.ts";
import type { RepositorySession } from "./session.ts";

/** Removes a tag and nothing else. @returns false when there was none */
export async function removeTag(
  session: RepositorySession,
  name: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const answer = await session.send({
    method: "DELETE",
    to: `manifests/${name}`,
    what: `remove tag ${name}`,
    access: "delete",
    expect: [202, 200, 204, 404],
    signal,
  });
  await answer.discard();
  return answer.status !== 404;
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
