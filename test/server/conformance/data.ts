import { digestOf } from "../../../src/bytes/hash.ts";
import type { Algorithm, Digest } from "../../../src/spec/digest.ts";
import { sampleBytes } from "../../support/sample-bytes.ts";

export interface Blob {
  readonly digest: Digest;
  readonly bytes: Buffer;
}

export interface ManifestData extends Blob {
  readonly mediaType: string;
  readonly tag?: string;
  readonly subject?: Digest;
  /** As the list of referrers shows it. */
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Content that is pushed, listed, read and deleted. Manifests are in the order in which they may be pushed. */
export interface DataSet {
  readonly name: string;
  readonly blobs: readonly Blob[];
  readonly manifests: readonly ManifestData[];
  /** The registry may refuse this content. */
  readonly mayRefuse?: boolean;
}

const oci = "application/vnd.oci.image";
export const types = {
  manifest: `${oci}.manifest.v1+json`,
  index: `${oci}.index.v1+json`,
  config: `${oci}.config.v1+json`,
  layer: `${oci}.layer.v1.tar`,
  foreign: `${oci}.layer.nondistributable.v1.tar+gzip`,
  empty: "application/vnd.oci.empty.v1+json",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerList: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerConfig: "application/vnd.docker.container.image.v1+json",
  dockerLayer: "application/vnd.docker.image.rootfs.diff.tar.gzip",
};

export function blobOf(bytes: Uint8Array | string, algorithm: Algorithm): Blob {
  const content = Buffer.from(bytes as Uint8Array);
  return { digest: digestOf(content, algorithm), bytes: content };
}

interface Extra {
  readonly tag?: string;
  readonly subject?: ManifestData | Blob;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly fields?: Readonly<Record<string, unknown>>;
}

const describe = (mediaType: string, blob: Blob, more: Record<string, unknown> = {}) => ({
  mediaType,
  digest: blob.digest,
  size: blob.bytes.byteLength,
  ...more,
});

/** Makes the data sets of one digest algorithm. */
class Maker {
  readonly algorithm: Algorithm;

  constructor(algorithm: Algorithm) {
    this.algorithm = algorithm;
  }

  blob(bytes: Uint8Array | string): Blob {
    return blobOf(bytes, this.algorithm);
  }

  manifest(
    mediaType: string,
    own: Record<string, unknown>,
    shownType: string | undefined,
    extra: Extra,
  ): ManifestData {
    const { tag, subject, artifactType, annotations, fields } = extra;
    const subjectType = subject !== undefined && "mediaType" in subject ? subject.mediaType : types.manifest;
    const document = {
      schemaVersion: 2,
      mediaType,
      ...(artifactType === undefined ? {} : { artifactType }),
      ...own,
      ...(subject === undefined ? {} : { subject: describe(subjectType, subject) }),
      ...(annotations === undefined ? {} : { annotations }),
      ...fields,
    };
    const shown = artifactType ?? shownType;
    return {
      ...this.blob(JSON.stringify(document)),
      mediaType,
      ...(tag === undefined ? {} : { tag }),
      ...(subject === undefined ? {} : { subject: subject.digest }),
      ...(shown === undefined ? {} : { artifactType: shown }),
      ...(annotations === undefined ? {} : { annotations }),
    };
  }

  image(
    layers: readonly Blob[],
    config: Blob,
    extra: Extra = {},
    how: { data?: boolean; layerType?: string } = {},
  ): ManifestData {
    const data = how.data ? { data: config.bytes.toString("base64") } : {};
    const layerType = how.layerType ?? types.layer;
    return this.manifest(
      types.manifest,
      {
        config: describe(types.config, config, data),
        layers: layers.map((layer) => describe(layerType, layer)),
      },
      types.config,
      extra,
    );
  }

  artifact(content: Blob, artifactType: string, extra: Extra = {}): ManifestData {
    return this.manifest(
      types.manifest,
      {
        config: describe(types.empty, this.blob("{}")),
        layers: [describe("application/vnd.lading.test", content)],
      },
      types.empty,
      { ...extra, artifactType },
    );
  }

  index(manifests: readonly ManifestData[], extra: Extra = {}, mediaType = types.index): ManifestData {
    const entries = manifests.map((manifest, i) =>
      describe(manifest.mediaType, manifest, {
        platform: { os: "linux", architecture: ["amd64", "arm64", "s390x", "riscv64"][i] ?? "amd64" },
      }),
    );
    return this.manifest(mediaType, { manifests: entries }, undefined, extra);
  }
}

/** All data sets; each with bytes of its own, so that none profits from another. */
export function dataSets(algorithm: Algorithm): readonly DataSet[] {
  const make = new Maker(algorithm);
  let seed = 100;
  const layer = (size = 2000) => make.blob(sampleBytes(size, seed++));
  const config = (architecture = "amd64") =>
    make.blob(
      JSON.stringify({
        os: "linux",
        architecture,
        rootfs: { type: "layers", diff_ids: [] },
        author: `${seed++}`,
      }),
    );
  const sets: DataSet[] = [];
  const add = (
    name: string,
    blobs: readonly Blob[],
    manifests: readonly ManifestData[],
    more: { mayRefuse?: boolean } = {},
  ) => void sets.push({ name, blobs, manifests, ...more });
  const empty = make.blob("{}");

  {
    const [l1, l2, c] = [layer(), layer(5000), config()];
    add("image", [l1, l2, c], [make.image([l1, l2], c, { tag: "image" })]);
  }
  {
    const [l, c] = [layer(), config()];
    add("image by digest only", [l, c], [make.image([l], c)]);
  }
  {
    const [l, c1, c2] = [layer(), config(), config("arm64")];
    const images = [make.image([l], c1), make.image([l], c2)];
    add("index", [l, c1, c2], [...images, make.index(images, { tag: "index" })]);
  }
  {
    const [l, c1, c2] = [layer(), config(), config("arm64")];
    const images = [make.image([l], c1), make.image([l], c2)];
    const inner = make.index(images);
    const single = make.index([images[0] as ManifestData], { annotations: { part: "single" } });
    const outer = make.index([inner, single], { tag: "nested" });
    add("nested index", [l, c1, c2], [...images, inner, single, outer]);
  }
  {
    const [l, c] = [layer(), config()];
    const here = make.image([l], c);
    const absent = make.image([layer()], config());
    add("sparse index", [l, c], [here, make.index([here, absent], { tag: "sparse" })], { mayRefuse: true });
  }
  {
    const content = layer();
    add(
      "artifact",
      [content, empty],
      [make.artifact(content, "application/vnd.lading.a", { tag: "artifact" })],
    );
  }
  {
    const content = layer();
    const artifact = make.artifact(content, "application/vnd.lading.a");
    const index = make.index([artifact], { tag: "list", artifactType: "application/vnd.lading.list" });
    add("artifact index", [content, empty], [artifact, index]);
  }
  {
    const [l, c, one, two] = [layer(), config(), layer(), layer()];
    const image = make.image([l], c, { tag: "subject" });
    const annotations = { "org.lading.test": "one", empty: "" };
    add(
      "artifacts with a subject",
      [l, c, one, two, empty],
      [
        image,
        make.artifact(one, "application/vnd.lading.a", { subject: image, annotations }),
        make.artifact(two, "application/vnd.lading.b", { subject: image }),
        make.image([l], c, { subject: image, annotations: { kind: "image as referrer" } }),
      ],
    );
  }
  {
    const content = layer();
    const absent = make.image([layer()], config());
    add(
      "missing subject",
      [content, empty],
      [make.artifact(content, "application/vnd.lading.a", { subject: absent, tag: "orphan" })],
    );
  }
  {
    const [l, c, content] = [layer(), config(), layer()];
    const image = make.image([l], c);
    const list = make.index([image], { tag: "subject-list" });
    const artifact = make.artifact(content, "application/vnd.lading.a", { subject: list });
    const index = make.index([artifact], { subject: list, artifactType: "application/vnd.lading.list" });
    const bare = make.index([image], { subject: list, annotations: { type: "none" } });
    add("index as subject and as referrer", [l, c, content, empty], [image, list, artifact, index, bare]);
  }
  {
    const [content, signed] = [layer(), layer()];
    const first = make.artifact(content, "application/vnd.lading.a", { tag: "chain" });
    const second = make.artifact(signed, "application/vnd.lading.b", { subject: first });
    add(
      "referrers of referrers",
      [content, signed, empty],
      [first, second, make.artifact(content, "application/vnd.lading.c", { subject: second })],
    );
  }
  {
    const [l, c] = [layer(), config()];
    add("data field", [l, c], [make.image([l], c, { tag: "data" }, { data: true })]);
  }
  {
    const c = config();
    // The layer is pushed nowhere: it may stay where its urls say.
    add(
      "non-distributable layer",
      [c],
      [make.image([layer()], c, { tag: "foreign" }, { layerType: types.foreign })],
    );
  }
  {
    const [l, c] = [layer(), config()];
    const fields = { "org.lading.custom": { deep: [1, "2", null] }, "x-number": 1.5 };
    add("custom fields", [l, c], [make.image([l], c, { tag: "custom", fields })]);
  }
  {
    const c = config();
    add("no layers", [c], [make.image([], c, { tag: "bare" })]);
  }
  {
    const [l, c] = [make.blob(""), config()];
    add("empty layer", [l, c], [make.image([l], c, { tag: "empty" })]);
  }
  {
    const [l, c] = [layer(), config()];
    const annotations = Object.fromEntries(
      Array.from({ length: 3900 }, (_, i) => [`org.lading.${i}`, "x".repeat(1000)]),
    );
    add("manifest of nearly 4 MiB", [l, c], [make.image([l], c, { tag: "large", annotations })]);
  }
  {
    const [l, c] = [layer(), config()];
    const image = make.manifest(
      types.dockerManifest,
      { config: describe(types.dockerConfig, c), layers: [describe(types.dockerLayer, l)] },
      types.dockerConfig,
      {},
    );
    add("docker schema 2", [l, c], [image, make.index([image], { tag: "docker" }, types.dockerList)]);
  }
  {
    const [l, c] = [layer(), config()];
    const image = make.image([l], c);
    add(
      "two names for one image",
      [l, c],
      [
        { ...image, tag: "first" },
        { ...image, tag: "second" },
      ],
    );
  }
  {
    const big = layer(1_500_000);
    const c = config();
    add("large layer", [big, c], [make.image([big], c, { tag: "big" })]);
  }
  return sets;
}
