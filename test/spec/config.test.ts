import assert from "node:assert/strict";
import test from "node:test";
import { digestOf } from "../../src/bytes/hash.ts";
import { parseConfig } from "../../src/spec/config.ts";
import {
  checkLayoutFile,
  formatLayoutIndex,
  layoutFile,
  parseLayoutIndex,
  refNameAnnotation,
} from "../../src/spec/layout-files.ts";
import { limits } from "../../src/spec/limits.ts";
import { mediaTypes } from "../../src/spec/media-type.ts";

function config(fields: object) {
  return parseConfig(Buffer.from(JSON.stringify(fields)));
}

const diffId = digestOf("layer");

test("a config is read with all that describes the image", () => {
  const read = config({
    created: "2024-01-02T03:04:05Z",
    architecture: "arm64",
    os: "linux",
    variant: "v8",
    config: {
      User: "1000",
      ExposedPorts: { "80/tcp": {} },
      Env: ["A=1"],
      Entrypoint: ["/bin/app"],
      Cmd: ["x"],
      Volumes: { "/data": {} },
      WorkingDir: "/w",
      Labels: { a: "b" },
      StopSignal: "SIGTERM",
      Hostname: "unknown to us",
    },
    rootfs: { type: "layers", diff_ids: [diffId] },
    history: [
      { created: "2024-01-02T03:04:05Z", created_by: "RUN x", author: "me", comment: "c" },
      { created_by: "ENV", empty_layer: true },
    ],
    docker_version: "1",
  });
  assert.deepEqual(read.platform, { os: "linux", architecture: "arm64", variant: "v8" });
  assert.equal(read.created, "2024-01-02T03:04:05Z");
  assert.deepEqual(
    { ...read.config, labels: { ...read.config.labels } },
    {
      user: "1000",
      exposedPorts: ["80/tcp"],
      env: ["A=1"],
      entrypoint: ["/bin/app"],
      cmd: ["x"],
      volumes: ["/data"],
      workingDir: "/w",
      labels: { a: "b" },
      stopSignal: "SIGTERM",
    },
  );
  assert.deepEqual(read.diffIds, [diffId]);
  assert.deepEqual(read.history, [
    {
      created: "2024-01-02T03:04:05Z",
      createdBy: "RUN x",
      author: "me",
      comment: "c",
      emptyLayer: false,
    },
    { createdBy: "ENV", emptyLayer: true },
  ]);
  assert.equal(read.json["docker_version"], "1");
});

test("configs of artifacts and of careless builders are read", () => {
  const empty = config({});
  assert.equal(empty.platform, undefined);
  assert.deepEqual([empty.config, empty.diffIds, empty.history], [{}, [], []]);
  const nulls = config({
    os: "",
    architecture: "",
    created: null,
    config: { Env: null, Cmd: null, Labels: null, Volumes: null, ExposedPorts: null, Entrypoint: "/bin/sh" },
    rootfs: { type: "layers", diff_ids: null },
    history: null,
  });
  assert.equal(nulls.platform, undefined);
  assert.deepEqual(nulls.config, { entrypoint: ["/bin/sh"] });
  assert.deepEqual([nulls.diffIds, nulls.history], [[], []]);
  assert.deepEqual(config({ config: null, rootfs: null }).config, {});
  const labels = config({ config: { Labels: { __proto__: null, a: null } } }).config.labels;
  assert.deepEqual(Object.entries(labels ?? {}), [["a", ""]]);
});

test("malformed configs are refused with the place of the fault", () => {
  const cases: [object, RegExp][] = [
    [[], /config should be an object/],
    [{ config: [] }, /config\.config should be an object/],
    [{ config: { Env: [1] } }, /config\.config\.Env\[0\]/],
    [{ config: { Labels: { a: 1 } } }, /Labels\["a"\]/],
    [{ config: { Volumes: [] } }, /Volumes should be an object/],
    [{ os: 1, architecture: "amd64" }, /config\.os should be a string/],
    [{ rootfs: { diff_ids: ["sha256:x"] } }, /diff_ids\[0\] is not a digest/],
    [{ rootfs: { diff_ids: {} } }, /diff_ids should be a list/],
    [{ history: [7] }, /config\.history\[0\] should be an object/],
  ];
  for (const [fields, message] of cases) {
    assert.throws(() => config(fields), { code: "ERR_LADING_DOCUMENT", message });
  }
  assert.throws(() => parseConfig(Buffer.alloc(limits.configBytes + 1, " ")), { code: "ERR_LADING_LIMIT" });
});

test("oci-layout has to be of version 1", () => {
  checkLayoutFile(Buffer.from(layoutFile));
  checkLayoutFile(Buffer.from(' {"imageLayoutVersion": "1.1.0", "x": 1}\n'));
  for (const text of ['{"imageLayoutVersion":"2.0.0"}', "{}", '{"imageLayoutVersion":1}', "1.0.0", ""]) {
    assert.throws(() => checkLayoutFile(Buffer.from(text)), { code: "ERR_LADING_DOCUMENT" }, text);
  }
  assert.throws(() => checkLayoutFile(Buffer.alloc(5000, " ")), { code: "ERR_LADING_LIMIT" });
});

test("index.json keeps what other tools wrote", () => {
  const entry = {
    mediaType: mediaTypes.ociManifest,
    digest: diffId,
    size: 5,
    annotations: { [refNameAnnotation]: "v1", "io.containerd.image.name": "x" },
    "com.example": { deep: [1] },
  };
  const raw = JSON.stringify({ schemaVersion: 2, manifests: [entry], annotations: { a: "b" }, other: true });
  const index = parseLayoutIndex(Buffer.from(raw));
  assert.equal(index.entries[0]?.name, "v1");
  assert.equal(index.entries[0]?.descriptor.digest, diffId);
  const again = formatLayoutIndex({ json: index.json, entries: index.entries.map(({ json }) => json) });
  assert.deepEqual(JSON.parse(Buffer.from(again).toString()), JSON.parse(raw));
  assert.deepEqual(parseLayoutIndex(again), index);

  const fresh = Buffer.from(formatLayoutIndex({ entries: [] })).toString();
  assert.equal(fresh, `{"schemaVersion":2,"mediaType":"${mediaTypes.ociIndex}","manifests":[]}`);
  assert.deepEqual(parseLayoutIndex(Buffer.from('{"schemaVersion":2,"manifests":null}')).entries, []);
  const nameless = parseLayoutIndex(
    Buffer.from(JSON.stringify({ manifests: [{ ...entry, annotations: null }] })),
  );
  assert.equal(nameless.entries[0]?.name, undefined);
});
