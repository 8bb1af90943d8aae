import type { Descriptor } from "../../spec/descriptor.ts";
import { isDigest, shortDigest } from "../../spec/digest.ts";
import { manifestAccept } from "../../spec/media-type.ts";
import { headRefusals } from "./presence.ts";
import type { RepositorySession } from "./session.ts";

/**
 * What a registry says that a tag or digest stands for, without the bytes. Undefined when it does not say it well: it
 * refuses, knows no HEAD, names no digest, or a web page answers; GET then tells what is the matter.
 */
export async function headManifest(
  session: RepositorySession,
  reference: string,
  signal: AbortSignal | undefined,
): Promise<Descriptor | undefined> {
  const known = isDigest(reference) ? session.memo.manifest(reference) : undefined;
  if (known !== undefined) return known.descriptor;
  const head = await session.send({
    method: "HEAD",
    to: `manifests/${reference}`,
    what: `look up ${isDigest(reference) ? shortDigest(reference) : reference}`,
    access: "pull",
    headers: { accept: manifestAccept.join(", ") },
    expect: [200, 401, 404, ...headRefusals],
    signal,
  });
  await head.discard();
  const digest = head.headers.get("docker-content-digest");
  if (head.status !== 200 || !isDigest(digest) || (isDigest(reference) && digest !== reference))
    return undefined;
  const mediaType = (head.headers.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  const length = head.headers.get("content-length") ?? "";
  if (!manifestAccept.includes(mediaType) || !/^[0-9]{1,15}$/.test(length)) return undefined;
  return { mediaType, digest, size: Number(length) };
}
