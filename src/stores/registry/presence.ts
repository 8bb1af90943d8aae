import { isLadingError } from "../../errors.ts";
import { shortDigest } from "../../spec/digest.ts";
import type { Node } from "../../spec/graph.ts";
import { manifestAccept } from "../../spec/media-type.ts";
import type { RepositoryCall, RepositorySession } from "./session.ts";

/** What registries say to HEAD when they mean "ask with GET": CentOS, old Harbor, signed URLs of object stores. */
export const headRefusals: readonly number[] = [400, 403, 405, 501];

/**
 * Whether a node is there with the right size. Asks at most once per run and node. No answer is not an error: a
 * registry that does not let us look may still take an upload.
 */
export async function hasNode(
  session: RepositorySession,
  node: Node,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const known = session.memo.presence(node);
  if (known !== undefined) return known;
  const present = await ask(session, node, signal);
  session.memo.learn(node, present);
  return present;
}

async function ask(
  session: RepositorySession,
  node: Node,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { kind, descriptor } = node;
  const call: RepositoryCall = {
    method: "HEAD",
    to: `${kind === "manifest" ? "manifests" : "blobs"}/${descriptor.digest}`,
    what: `look for ${kind} ${shortDigest(descriptor.digest)}`,
    access: "pull",
    ...(kind === "manifest" ? { headers: { accept: manifestAccept.join(", ") } } : {}),
    expect: [200, 401, 404, ...headRefusals],
    signal,
  };
  const head = await session.send(call);
  await head.discard();
  // A web page in place of an answer (a captive portal, a gateway) says nothing about the manifest.
  if (kind === "manifest" && /^text\/html/i.test(head.headers.get("content-type") ?? "")) return false;
  if (head.status === 200)
    return kind === "manifest" || rightSize(head.headers.get("content-length"), descriptor.size);
  if (head.status === 404 || head.status === 401) return false;
  try {
    const get = await session.send({
      ...call,
      method: "GET",
      ...(kind === "manifest" ? {} : { headers: { range: "bytes=0-0" } }),
      expect: [200, 206, 404, 416],
    });
    await get.discard();
    if (get.status === 206) {
      return rightSize(/\/([0-9]+)$/.exec(get.headers.get("content-range") ?? "")?.[1], descriptor.size);
    }
    // An empty blob has no first byte.
    if (get.status === 416) return descriptor.size === 0;
    return (
      get.status === 200 &&
      (kind === "manifest" || rightSize(get.headers.get("content-length"), descriptor.size))
    );
  } catch (error) {
    if (
      isLadingError(error) &&
      (error.code === "ERR_LADING_DENIED" || error.code === "ERR_LADING_UNAUTHORIZED")
    ) {
      return false;
    }
    throw error;
  }
}

/** Blobs only: for manifests, HEAD's length differs from GET's at some registries. */
function rightSize(length: string | undefined, size: number): boolean {
  return length === undefined || Number(length) === size;
}
