import { join } from "node:path";
import type { TestContext } from "node:test";
import { formatLocations, seedLocationsFile } from "../../../src/bundle/documents/locations.ts";
import { locationsTag, parsePinned } from "../../../src/bundle/documents/names.ts";
import { type BundlePull, pullBundle } from "../../../src/bundle/pull/pull-bundle.ts";
import type { Digest } from "../../../src/spec/digest.ts";
import { parseReference, targetOf } from "../../../src/spec/reference.ts";
import { createRegistryClient } from "../../../src/stores/registry/client.ts";
import type { Store } from "../../../src/stores/store.ts";
import { type Fault, type FaultProxy, startFaultProxy } from "../../support/fault-proxy.ts";
import { file, putImage, tarOf } from "../../support/image.ts";
import { startRegistry } from "../../support/registry.ts";
import { tempDir } from "../../support/tmp.ts";

/** A registry behind a proxy that sees what pulls ask it, and not what the test writes. */
export interface Watched {
  /** The proxy's. */
  readonly host: string;
  readonly proxy: FaultProxy;
  store(repository: string): Store;
  /** What was asked for, such as `HEAD a/b@sha256:…` or `GET a/b blob`; the first requests of a connection left out. */
  asked(): string[];
}

export async function watched(t: TestContext, ...faults: readonly Fault[]): Promise<Watched> {
  const { host } = await startRegistry(t);
  const proxy = await startFaultProxy(t, host, ...faults);
  const writer = createRegistryClient();
  t.after(() => writer.close());
  return {
    host: proxy.host,
    proxy,
    store: (repository) => writer.repository({ registry: host, repository }),
    asked: () =>
      proxy.requests.flatMap(({ method, url }) => {
        const [, repository, kind, name] = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(url) ?? [];
        if (repository === undefined) return [];
        return kind === "blobs"
          ? [`${method} ${repository} blob`]
          : [`${method} ${repository}${name?.includes(":") ? "@" : ":"}${name}`];
      }),
  };
}

export interface Pulled extends BundlePull {
  readonly target: string;
}

/** Pulls with a client that nobody else uses. */
export async function pull(
  t: TestContext,
  text: string,
  options: { readonly recursive?: boolean; readonly target?: string } = {},
): Promise<Pulled> {
  await using client = createRegistryClient({ retry: { attempts: 1 } });
  const target = options.target ?? join(await tempDir(t), "out");
  const reference = parseReference(text);
  const source = client.repository(reference);
  const descriptor = await source.resolve(targetOf(reference));
  const done = await pullBundle(
    { reference, source, descriptor },
    { open: async (location) => client.repository(location) },
    target,
    { recursive: options.recursive ?? false },
  );
  return { ...done, target };
}

/** A plain image. */
export async function putApp(store: Store, name = "app"): Promise<Digest> {
  return (await putImage(store, [tarOf(file(name))])).descriptor.digest;
}

/** A locations image as the proposal has it, with one file of its kind. */
export async function putSeedLocations(
  store: Store,
  bundle: Digest,
  images: readonly { readonly image: string; readonly isBundle: boolean; readonly repository?: string }[],
): Promise<void> {
  const { seed } = formatLocations({
    images: images.map((each) => ({ ...each, reference: parsePinned(each.image) })),
  });
  await putImage(store, [tarOf(file(seedLocationsFile, seed))], { tag: locationsTag(bundle) });
}
