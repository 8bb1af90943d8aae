import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import test from "node:test";
import fc from "fast-check";
import { bodyOf } from "../../src/bytes/body.ts";
import { digestOf } from "../../src/bytes/hash.ts";
import { type BuildImageOptions, buildImage, type ImageLayer } from "../../src/image/document.ts";
import { editConfig, editImage, editManifest } from "../../src/image/edit.ts";
import { parseConfig } from "../../src/spec/config.ts";
import { parseManifest } from "../../src/spec/manifest.ts";
import { mediaTypes } from "../../src/spec/media-type.ts";
import { openLayout } from "../../src/stores/layout/open.ts";
import { file, putImage, putLayer, tarOf } from "../support/image.ts";
import { findProgram, needs } from "../support/peers.ts";
import { tempDir } from "../support/tmp.ts";

function layer(name: string): ImageLayer {
  const descriptor = {
    mediaType: mediaTypes.ociLayerGzip,
    digest: digestOf(`gz ${name}`),
    size: name.length,
  };
  return { descriptor, diffId: digestOf(name) };
}

const platform = { os: "linux", architecture: "arm64", variant: "v8" };
const options: BuildImageOptions = {
  layers: [layer("one"), layer("two")],
  platform,
  config: {
    user: "1000:1000",
    exposedPorts: ["8080/tcp", "443/tcp"],
    env: ["B=2", "A=1"],
    entrypoint: ["/bin/app"],
    cmd: ["--serve"],
    volumes: ["/data"],
    workingDir: "/srv",
    labels: { z: "26", a: "1" },
    stopSignal: "SIGINT",
  },
  history: [
    { createdBy: "one", emptyLayer: false },
    { created: "2024-01-01T00:00:00Z", comment: "env", author: "me", emptyLayer: true },
    { createdBy: "two", emptyLayer: false },
  ],
  labels: { m: "13", a: "2" },
  annotations: { y: "2", x: "1" },
  created: "2024-01-01T00:00:00Z",
  author: "me",
};

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}

function imageOf(bytes: Uint8Array, mediaType?: string) {
  const manifest = parseManifest(bytes, mediaType);
  assert.ok(manifest.kind === "image");
  return manifest;
}

test("an image's documents are these bytes, today and tomorrow", () => {
  const { config, manifest } = buildImage(options);
  assert.equal(
    text(config.bytes),
    '{"created":"2024-01-01T00:00:00Z","author":"me","architecture":"arm64","os":"linux","variant":"v8",' +
      '"config":{"User":"1000:1000","ExposedPorts":{"443/tcp":{},"8080/tcp":{}},"Env":["B=2","A=1"],' +
      '"Entrypoint":["/bin/app"],"Cmd":["--serve"],"Volumes":{"/data":{}},"WorkingDir":"/srv",' +
      '"Labels":{"a":"2","m":"13","z":"26"},"StopSignal":"SIGINT"},' +
      `"rootfs":{"type":"layers","diff_ids":["${digestOf("one")}","${digestOf("two")}"]},` +
      '"history":[{"created_by":"one"},{"created":"2024-01-01T00:00:00Z","author":"me","comment":"env",' +
      '"empty_layer":true},{"created_by":"two"}]}',
  );
  assert.equal(config.descriptor.digest, digestOf(config.bytes));
  assert.equal(
    text(manifest.bytes),
    `{"schemaVersion":2,"mediaType":"${mediaTypes.ociManifest}","config":{"mediaType":"${mediaTypes.ociConfig}",` +
      `"digest":"${config.descriptor.digest}","size":${config.bytes.length}},"layers":[` +
      `{"mediaType":"${mediaTypes.ociLayerGzip}","digest":"${digestOf("gz one")}","size":3},` +
      `{"mediaType":"${mediaTypes.ociLayerGzip}","digest":"${digestOf("gz two")}","size":3}],` +
      '"annotations":{"x":"1","y":"2"}}',
  );
  assert.deepEqual(manifest.descriptor, {
    mediaType: mediaTypes.ociManifest,
    digest: digestOf(manifest.bytes),
    size: manifest.bytes.length,
  });
});

test("what is built is read back as it was meant", () => {
  const { config, manifest } = buildImage({
    ...options,
    artifactType: "application/x",
    subject: layer("s").descriptor,
  });
  const read = parseConfig(config.bytes);
  assert.deepEqual(read.platform, platform);
  assert.deepEqual(read.diffIds, [digestOf("one"), digestOf("two")]);
  assert.deepEqual(read.history, options.history);
  assert.deepEqual({ ...read.config.labels }, { a: "2", m: "13", z: "26" });
  const image = imageOf(manifest.bytes);
  assert.deepEqual(
    image.layers,
    options.layers.map(({ descriptor }) => descriptor),
  );
  assert.deepEqual([image.artifactType, image.subject], ["application/x", layer("s").descriptor]);
});

test("the smallest image has no time and no history, so its digest depends on its content alone", () => {
  const { config } = buildImage({ layers: [], platform: { os: "linux", architecture: "amd64" } });
  assert.equal(
    text(config.bytes),
    '{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]}}',
  );
});

test("the order in which maps were filled does not matter", () => {
  const key = fc.oneof(fc.string(), fc.constantFrom("__proto__", "constructor", "10", "9"));
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(key, fc.string()), { selector: ([name]) => name }), (pairs) => {
      const build = (entries: readonly (readonly [string, string])[]) => {
        const map: Record<string, string> = Object.create(null);
        for (const [name, value] of entries) map[name] = value;
        return buildImage({ layers: [], platform, labels: map, annotations: map });
      };
      const built = build(pairs);
      assert.equal(text(built.manifest.bytes), text(build([...pairs].reverse()).manifest.bytes));
      const labels = parseConfig(built.config.bytes).config.labels ?? {};
      assert.deepEqual(new Map(Object.entries(labels)), new Map(JSON.parse(JSON.stringify(pairs))));
    }),
  );
});

test("a Docker image has Docker's media types throughout", () => {
  const { manifest } = buildImage({ ...options, format: "docker" });
  const image = imageOf(manifest.bytes);
  assert.equal(image.mediaType, mediaTypes.dockerManifest);
  assert.equal(image.config.mediaType, mediaTypes.dockerConfig);
  assert.deepEqual(
    image.layers.map(({ mediaType }) => mediaType),
    [mediaTypes.dockerLayerGzip, mediaTypes.dockerLayerGzip],
  );
});

test("a history that does not tell of every layer is refused", () => {
  assert.throws(() => buildImage({ ...options, layers: [layer("one")] }), {
    code: "ERR_LADING_USAGE",
    message: "the history tells of 2 layers, and the image has 1",
  });
});

const odd = `{
  "os": "linux", "architecture": "amd64", "docker_version": "20", "x": {"__proto__": [1.5, "é\\u2028"]},
  "config": {"Hostname": "h", "Env": ["PATH=/bin", "A=1", "EMPTY=", "A=2"], "Labels": {"keep": "1", "drop": "2"},
    "Healthcheck": {"Interval": 30000000000}, "Cmd": ["sh"], "Entrypoint": null},
  "rootfs": {"type": "layers", "diff_ids": ["${digestOf("one")}"]},
  "history": [{"created_by": "one", "unknown": 7}]
}`;

test("an edit changes what it names and nothing else", () => {
  const edited = JSON.parse(
    text(
      editConfig(Buffer.from(odd), {
        labels: { drop: null, new: "3", absent: null },
        env: { A: "9", PATH: "/usr/bin", EMPTY: null, NEW: "a=b" },
        entrypoint: ["/run"],
        cmd: null,
        workingDir: "/w",
        user: "7",
        created: "2024-01-01T00:00:00Z",
        append: [{ diffId: digestOf("two"), history: { createdBy: "me", emptyLayer: false } }],
      }),
    ),
  );
  const expected = JSON.parse(odd);
  expected.created = "2024-01-01T00:00:00Z";
  expected.config.Labels = { keep: "1", new: "3" };
  expected.config.Env = ["PATH=/usr/bin", "A=9", "NEW=a=b"];
  expected.config.Entrypoint = ["/run"];
  delete expected.config.Cmd;
  expected.config.WorkingDir = "/w";
  expected.config.User = "7";
  expected.rootfs.diff_ids.push(digestOf("two"));
  expected.history.push({ created_by: "me" });
  assert.deepEqual(edited, expected);
  assert.ok(Object.hasOwn(edited.x, "__proto__"));
});

test("edits that change nothing give back the same bytes", () => {
  const raw = Buffer.from(odd);
  for (const edit of [
    {},
    { labels: { keep: "1", absent: null } },
    { env: { PATH: "/bin" } },
    { append: [] },
  ]) {
    assert.equal(editConfig(raw, edit), raw);
  }
  const { manifest } = buildImage(options);
  for (const edit of [{}, { annotations: { x: "1" } }, { append: [] }, { subject: null }]) {
    assert.equal(editManifest(manifest.bytes, edit), manifest.bytes);
  }
});

test("platform, layers and history can be put in place of others", () => {
  const edited = parseConfig(
    editConfig(Buffer.from(odd), {
      platform: { os: "windows", architecture: "amd64", osVersion: "10.0.1" },
      diffIds: [digestOf("a"), digestOf("b")],
    }),
  );
  assert.deepEqual(edited.platform, { os: "windows", architecture: "amd64", osVersion: "10.0.1" });
  assert.deepEqual([edited.diffIds, edited.history], [[digestOf("a"), digestOf("b")], []]);
  const history = [{ createdBy: "a", emptyLayer: false }];
  assert.deepEqual(parseConfig(editConfig(Buffer.from(odd), { history })).history, history);
});

test("a history is kept whole, and none is begun in the middle", () => {
  const append = [{ diffId: digestOf("two") }];
  const withHistory = parseConfig(editConfig(Buffer.from(odd), { append }));
  assert.deepEqual(withHistory.history.at(-1), { createdBy: "lading", emptyLayer: false });
  assert.equal(withHistory.history.length, 2);
  const without = buildImage({ layers: [layer("one")], platform }).config.bytes;
  assert.deepEqual(parseConfig(editConfig(without, { append })).history, []);
  const first = buildImage({ layers: [], platform }).config.bytes;
  const told = [{ diffId: digestOf("x"), history: { createdBy: "first", emptyLayer: false } }];
  assert.deepEqual(parseConfig(editConfig(first, { append: told })).history.length, 1);
  assert.deepEqual(parseConfig(editConfig(Buffer.from("{}"), { append })).diffIds, [digestOf("two")]);
});

test("a manifest keeps what Lading does not know, and its family's media types", () => {
  const { config } = buildImage(options);
  const raw = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.dockerManifest,
      config: config.descriptor,
      layers: [{ ...layer("one").descriptor, "com.example": true }],
      extra: [1],
    }),
  );
  const edited = editManifest(raw, { append: [layer("two").descriptor], annotations: { a: "1" } });
  const json = JSON.parse(text(edited));
  assert.deepEqual(json.extra, [1]);
  assert.equal(json.layers[0]["com.example"], true);
  assert.equal(json.layers[1].mediaType, mediaTypes.dockerLayerGzip);
  assert.deepEqual(json.annotations, { a: "1" });
});

test("an edited image has a manifest that names its new config", () => {
  const built = buildImage(options);
  const manifest = imageOf(built.manifest.bytes);
  const config = parseConfig(built.config.bytes);
  const edited = editImage(manifest, config, { labels: { new: "1" }, append: [layer("three")] });
  const read = imageOf(edited.manifest.bytes);
  assert.equal(read.config.digest, digestOf(edited.config.bytes));
  assert.equal(read.config.size, edited.config.bytes.length);
  assert.deepEqual(read.layers.at(-1), layer("three").descriptor);
  assert.equal(parseConfig(edited.config.bytes).diffIds.length, 3);
  const same = editImage(manifest, config, {});
  assert.equal(same.manifest.descriptor.digest, built.manifest.descriptor.digest);
});

test("numbers that would come out changed stop an edit instead", () => {
  const raw = Buffer.from('{"big":12345678901234567890,"s":"12345678901234567890"}');
  assert.throws(() => editConfig(raw, { user: "1" }), {
    code: "ERR_LADING_UNSUPPORTED",
    message: /12345678901234567890/,
  });
  assert.equal(editConfig(raw, {}), raw);
  const fine = Buffer.from('{"big":9007199254740991,"s":"12345678901234567890 \\" 1"}');
  assert.equal(JSON.parse(text(editConfig(fine, { user: "1" }))).big, 9007199254740991);
});

test("malformed documents are refused before they are edited", () => {
  assert.throws(() => editConfig(Buffer.from('{"config":{"Env":[1]}}'), {}), { code: "ERR_LADING_DOCUMENT" });
  assert.throws(() => editManifest(Buffer.from("{}"), {}), { code: "ERR_LADING_DOCUMENT" });
});

test("skopeo and umoci take what is built and edited", needs("skopeo", "umoci"), async (t) => {
  const dir = join(await tempDir(t), "layout");
  const store = await openLayout(dir, { create: true });
  const base = await putImage(store, [tarOf(file("a"))], { ...without(options), tag: "base" });
  const top = await putLayer(store, tarOf(file("b")));
  const built = buildImage({ ...without(options), layers: base.layers });
  const edited = editImage(base.manifest, parseConfig(built.config.bytes), {
    append: [top],
    labels: { edited: "yes" },
    env: { NEW: "1" },
  });
  await store.write({ kind: "blob", descriptor: edited.config.descriptor }, bodyOf(edited.config.bytes));
  await store.write(
    { kind: "manifest", descriptor: edited.manifest.descriptor },
    bodyOf(edited.manifest.bytes),
  );
  await store.tag(edited.manifest.descriptor, "edited");

  const run = (program: string, ...args: string[]): string =>
    execFileSync(findProgram(program) ?? program, args, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  const inspected = JSON.parse(run("skopeo", "inspect", `oci:${dir}:edited`));
  assert.deepEqual([inspected.Labels.edited, inspected.Architecture], ["yes", "arm64"]);
  assert.ok(inspected.Env.includes("NEW=1"));
  assert.equal(inspected.Layers.length, 2);
  const stat = JSON.parse(run("umoci", "stat", "--json", "--image", `${dir}:edited`));
  assert.equal(stat.history.length, 2);
});

/** The options for an image that has one real layer. */
function without({ layers: _, history: __, ...rest }: BuildImageOptions) {
  return { ...rest, history: [{ createdBy: "one", emptyLayer: false }] };
}
