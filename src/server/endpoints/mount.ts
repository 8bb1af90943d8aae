import type { Descriptor } from "../../spec/descriptor.ts";
import type { Digest } from "../../spec/digest.ts";
import { mediaTypes } from "../../spec/media-type.ts";
import { isRepositoryPath } from "../../spec/reference.ts";
import type { Context } from "../context.ts";
import type { Repository } from "../repositories/repository.ts";

/** Repositories that a mount without `from` looks into. */
const searched = 1000;

/**
 * end-11: makes a blob of another repository appear in this one. Only repositories that the caller may pull from count
 * (CVE-2024-39897); one that it may not see is like one that lacks the blob.
 * @returns false when the blob must be uploaded
 */
export async function mountBlob(
  context: Context,
  target: Repository,
  digest: Digest,
  from: string | null,
): Promise<boolean> {
  const present = await target.content.blobSize(digest);
  if (present !== undefined) {
    await target.content.used(blobDescriptor(digest, present));
    return true;
  }
  for await (const name of candidates(context, from)) {
    if (name === target.name || !context.access.may(name, "pull")) continue;
    const source = await context.repositories.find(name);
    const size = await source?.content.blobSize(digest);
    if (source === undefined || size === undefined) continue;
    // Neither repository's collection may run between finding the blob and having it.
    const mounted = await source.lock.shared(async () => {
      if ((await source.content.blobSize(digest)) === undefined) return false;
      const descriptor = blobDescriptor(digest, size);
      await target.content.used(descriptor);
      if (await target.content.link(descriptor, source.content)) return true;
      const node = { kind: "blob", descriptor } as const;
      await target.store.write(node, source.store.body(node));
      return true;
    });
    if (mounted) return true;
  }
  return false;
}

function blobDescriptor(digest: Digest, size: number): Descriptor {
  return { mediaType: mediaTypes.octetStream, digest, size };
}

async function* candidates(context: Context, from: string | null): AsyncGenerator<string> {
  if (from !== null) {
    if (isRepositoryPath(from)) yield from;
    return;
  }
  let count = 0;
  for await (const name of context.repositories.names()) {
    if (count++ >= searched) return;
    yield name;
  }
}
