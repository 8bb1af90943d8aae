import type { Collected } from "./collected.ts";
import type { CollectionOptions } from "./options.ts";
import type { Repositories } from "./repositories/repository.ts";

/**
 * Removes what nothing leads to, in one repository after the other. Each is locked meanwhile, so nothing goes between the
 * check of a manifest's children and its storing.
 */
export async function collectAll(
  repositories: Repositories,
  options: CollectionOptions,
  signal: AbortSignal,
): Promise<Collected> {
  const total = { manifests: 0, blobs: 0, bytes: 0 };
  for await (const name of repositories.names()) {
    signal.throwIfAborted();
    const repository = await repositories.find(name);
    if (repository === undefined) continue;
    const collected = await repository.lock.exclusive(() =>
      repository.content.collect({
        graceMs: options.graceMs ?? 60 * 60_000,
        untaggedManifests: options.untaggedManifests ?? false,
        signal,
      }),
    );
    total.manifests += collected.manifests;
    total.blobs += collected.blobs;
    total.bytes += collected.bytes;
  }
  return total;
}
