import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { digestOf } from "../../src/bytes/hash.ts";
import { isLadingError } from "../../src/errors.ts";
import { parseConfig } from "../../src/spec/config.ts";
import { descriptorToJson, readDescriptor } from "../../src/spec/descriptor.ts";
import { childrenOf, nodeKey } from "../../src/spec/graph.ts";
import { checkLayoutFile, parseLayoutIndex } from "../../src/spec/layout-files.ts";
import { parseManifest } from "../../src/spec/manifest.ts";
import { compressionOf, mediaTypes } from "../../src/spec/media-type.ts";

const config = { mediaType: mediaTypes.ociConfig, digest: digestOf("{}"), size: 2 };
const layer = { mediaType: mediaTypes.ociLayerGzip, digest: digestOf("layer"), size: 5 };
const foreign = {
  ...layer,
  mediaType: mediaTypes.dockerForeignLayerGzip,
  urls: ["https://example.com/layer"],
};
const child = { mediaType: mediaTypes.ociManifest, digest: digestOf("child"), size: 5 };

function bytes(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function parse(fields: object, expected?: string) {
  return parseManifest(bytes({ schemaVersion: 2, ...fields }), expected);
}

test("an OCI manifest, a Docker manifest, an index and a list are read with all their fields", () => {
  const image = parse({
    mediaType: mediaTypes.ociManifest,
    artifactType: "application/x",
    config,
    layers: [layer, foreign],
    subject: child,
    annotations: { a: "b" },
  });
  assert.equal(image.kind, "image");
  assert.deepEqual(image.config, config);
  assert.deepEqual(image.layers, [layer, foreign]);
  assert.deepEqual(image.subject, child);
  assert.equal(image.artifactType, "application/x");
  assert.deepEqual({ ...image.annotations }, { a: "b" });

  const docker = parse({ mediaType: mediaTypes.dockerManifest, config, layers: [] });
  assert.equal(docker.kind, "image");
  assert.equal(docker.mediaType, mediaTypes.dockerManifest);

  for (const mediaType of [mediaTypes.ociIndex, mediaTypes.dockerManifestList]) {
    const index = parse({
      mediaType,
      manifests: [{ ...child, platform: { os: "linux", architecture: "arm" } }],
    });
    assert.equal(index.kind, "index");
    assert.equal(index.mediaType, mediaType);
    assert.deepEqual(index.manifests[0]?.platform, { os: "linux", architecture: "arm" });
  }

  const artifact = parseManifest(bytes({ mediaType: mediaTypes.ociArtifactManifest, blobs: [layer] }));
  assert.equal(artifact.kind, "artifact");
  assert.deepEqual(artifact.blobs, [layer]);
});

test("the raw bytes are kept as they are", () => {
  const raw = Buffer.from(`\n {"schemaVersion": 2,  "manifests": [], "x": 1e2}\n`);
  assert.equal(parseManifest(raw).raw, raw);
});

test("a document without a media type is what it was offered as, or what its fields say", () => {
  assert.equal(parse({ config, layers: [] }).mediaType, mediaTypes.ociManifest);
  assert.equal(parse({ config, layers: [] }, mediaTypes.dockerManifest).mediaType, mediaTypes.dockerManifest);
  assert.equal(parse({ manifests: [] }).mediaType, mediaTypes.ociIndex);
  assert.equal(parse({ mediaType: "", manifests: [] }, "").mediaType, mediaTypes.ociIndex);
  for (const fields of [{}, { config }, { layers: [] }, { annotations: {} }]) {
    assert.throws(() => parse(fields), { code: "ERR_LADING_DOCUMENT", message: /names no media type/ });
  }
});

test("what real tools write is read: nulls, empty lists, attestations, absent platforms", () => {
  const image = parse({ config: { ...config, urls: null, annotations: null, platform: null }, layers: null });
  assert.equal(image.kind, "image");
  assert.deepEqual(image.layers, []);
  assert.deepEqual(image.config, config);
  assert.equal(parse({ mediaType: mediaTypes.ociManifest, config }).kind, "image");
  assert.equal(parse({ manifests: null }).kind, "index");
  const index = parse({
    manifests: [
      { ...child, platform: { os: "", architecture: "" } },
      { ...child, platform: { os: "linux" } },
      { ...child, platform: { architecture: "unknown", os: "unknown", features: null, "os.features": null } },
    ],
    annotations: null,
    subject: null,
  });
  assert.equal(index.kind, "index");
  assert.deepEqual(
    index.manifests.map((entry) => entry.platform),
    [undefined, undefined, { os: "unknown", architecture: "unknown" }],
  );
});

test("Docker schema 1 is named as what it is", () => {
  const schema1 = { schemaVersion: 1, name: "x", fsLayers: [], history: [], signatures: [] };
  for (const [fields, expected] of [
    [schema1, undefined],
    [schema1, mediaTypes.dockerSchema1Signed],
    [{ schemaVersion: 1 }, undefined],
    [{ schemaVersion: 1, mediaType: mediaTypes.dockerSchema1 }, undefined],
  ] as const) {
    assert.throws(() => parseManifest(bytes(fields), expected), {
      code: "ERR_LADING_UNSUPPORTED",
      message: /schema 1/,
    });
  }
});

test("malformed manifests are refused with the place of the fault", () => {
  const cases: [object | string, RegExp][] = [
    [{ config, layers: [{ ...layer, size: "5" }] }, /manifest\.layers\[0\]\.size/],
    [{ config: { ...config, mediaType: 1 }, layers: [] }, /manifest\.config\.mediaType/],
    [{ config: { ...config, mediaType: undefined }, layers: [] }, /manifest\.config\.mediaType/],
    [{ config: null, layers: [] }, /manifest\.config should be an object/],
    [{ config, layers: {} }, /manifest\.layers should be a list/],
    [{ config, layers: [null] }, /manifest\.layers\[0\] should be an object/],
    [
      { manifests: [{ ...child, platform: "linux" }] },
      /manifest\.manifests\[0\]\.platform should be an object/,
    ],
    [{ manifests: [], annotations: { a: 1 } }, /annotations/],
    [{ manifests: [], schemaVersion: 3 }, /schemaVersion/],
    [{ manifests: [], mediaType: [] }, /mediaType/],
    ["[]", /should be an object/],
    ["null", /should be an object/],
    ["", /not JSON/],
  ];
  for (const [input, message] of cases) {
    const raw = typeof input === "string" ? Buffer.from(input) : bytes({ schemaVersion: 2, ...input });
    assert.throws(() => parseManifest(raw), { code: "ERR_LADING_DOCUMENT", message });
  }
  assert.throws(() => parse({ mediaType: "application/json" }), { code: "ERR_LADING_UNSUPPORTED" });
  const many = { manifests: Array.from({ length: 100_001 }, () => 0) };
  assert.throws(() => parse(many), { code: "ERR_LADING_LIMIT" });
});

test("no parser throws anything but a coded error, whatever JSON it is given", () => {
  const key = fc.constantFrom(
    ...["schemaVersion", "mediaType", "config", "layers", "manifests", "blobs", "subject", "annotations"],
    ...[
      "digest",
      "size",
      "platform",
      "os",
      "architecture",
      "variant",
      "rootfs",
      "diff_ids",
      "history",
      "Env",
    ],
    ...["__proto__", "constructor", "toString", "toJSON", "imageLayoutVersion", "Labels", "Volumes"],
  );
  const leaf = fc.oneof(
    fc.constantFrom<unknown>(
      null,
      2,
      -1,
      1e308,
      "",
      "linux",
      "1.0.0",
      config.digest,
      ...Object.values(mediaTypes),
    ),
    fc.string(),
  );
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      leaf,
      fc.array(tie("value"), { maxLength: 3 }),
      fc.array(fc.tuple(key, tie("value")), { maxLength: 6 }).map((pairs) => new Map(pairs)),
    ),
  }));
  const readers: ((raw: Buffer) => unknown)[] = [
    (raw) => childrenOf(parseManifest(raw)),
    (raw) => parseManifest(raw, mediaTypes.ociManifest),
    (raw) => parseManifest(raw, mediaTypes.ociIndex),
    parseConfig,
    parseLayoutIndex,
    checkLayoutFile,
  ];
  fc.assert(
    fc.property(value, fc.constantFrom(...readers), (tree, read) => {
      try {
        read(Buffer.from(textOf(tree)));
      } catch (error) {
        assert.ok(isLadingError(error), String((error as Error).stack));
      }
    }),
    { numRuns: 1500 },
  );
});

/** JSON in which `__proto__` is a key like any other. */
function textOf(value: unknown): string {
  if (value instanceof Map) {
    return `{${[...value].map(([k, v]) => `${JSON.stringify(k)}:${textOf(v)}`).join(",")}}`;
  }
  return Array.isArray(value) ? `[${value.map(textOf).join(",")}]` : JSON.stringify(value);
}

test("a descriptor comes back from its JSON as it was", () => {
  const text = fc.string({ minLength: 1 });
  const descriptor = fc.record(
    {
      mediaType: fc.constantFrom(...Object.values(mediaTypes)),
      digest: text.chain((seed) => fc.constantFrom(digestOf(seed), digestOf(seed, "sha512"))),
      size: fc.nat(),
      urls: fc.array(text),
      annotations: fc.dictionary(text, text),
      data: fc.base64String(),
      platform: fc.record(
        {
          ...{ os: text, architecture: text, variant: text, osVersion: text },
          osFeatures: fc.array(text, { minLength: 1 }),
        },
        { requiredKeys: ["os", "architecture"] },
      ),
      artifactType: text,
    },
    { requiredKeys: ["mediaType", "digest", "size"] },
  );
  fc.assert(
    fc.property(descriptor, (made) => {
      const read = readDescriptor(JSON.parse(JSON.stringify(descriptorToJson(made))), "descriptor");
      assert.deepEqual(JSON.parse(JSON.stringify(read)), JSON.parse(JSON.stringify(made)));
    }),
  );
});

test("children have their kind from the edge, not from their media type", () => {
  const image = parse({ config: { ...config, mediaType: mediaTypes.ociIndex }, layers: [layer, foreign] });
  assert.deepEqual(
    childrenOf(image).map(({ kind, role, optional }) => [kind, role, optional]),
    [
      ["blob", "config", false],
      ["blob", "layer", false],
      ["blob", "layer", true],
    ],
  );
  const index = parse({ manifests: [{ ...layer, mediaType: "application/x" }], subject: child });
  const [only, ...others] = childrenOf(index);
  assert.equal(only?.kind, "manifest");
  assert.equal(others.length, 0, "the subject is no child");
  const node = { kind: "blob", descriptor: childrenOf(image)[0]?.descriptor ?? assert.fail() } as const;
  assert.notEqual(nodeKey(node), nodeKey({ ...node, kind: "manifest" }));
});

test("a media type tells the compression by its end", () => {
  for (const [type, expected] of [
    [mediaTypes.ociLayer, "none"],
    [mediaTypes.ociLayerGzip, "gzip"],
    [mediaTypes.ociForeignLayerZstd, "zstd"],
    [mediaTypes.dockerLayer, "none"],
    [mediaTypes.dockerLayerGzip, "gzip"],
    [mediaTypes.dockerLayerZstd, "zstd"],
    ["application/gzip", "none"],
  ] as const) {
    assert.equal(compressionOf(type), expected, type);
  }
});
