import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { digestOf } from "../../src/bytes/hash.ts";
import type { Descriptor } from "../../src/spec/descriptor.ts";
import type { Index } from "../../src/spec/manifest.ts";
import { mediaTypes } from "../../src/spec/media-type.ts";
import {
  formatPlatform,
  normalizePlatform,
  type Platform,
  parsePlatform,
  platformDistance,
  platformToJson,
  readPlatform,
} from "../../src/spec/platform.ts";
import { imagesOf, selectManifests } from "../../src/spec/select.ts";

test("platforms are normalised as containerd does", () => {
  for (const [text, normal] of [
    ["linux/amd64", "linux/amd64"],
    ["Linux/x86_64", "linux/amd64"],
    ["linux/x86-64", "linux/amd64"],
    ["linux/amd64/v1", "linux/amd64"],
    ["linux/amd64/v3", "linux/amd64/v3"],
    ["linux/i386", "linux/386"],
    ["linux/aarch64", "linux/arm64"],
    ["linux/arm64/v8", "linux/arm64"],
    ["linux/arm64/8", "linux/arm64"],
    ["linux/arm64/v8.0", "linux/arm64"],
    ["linux/arm64/v9", "linux/arm64/v9"],
    ["linux/arm", "linux/arm/v7"],
    ["linux/arm/7", "linux/arm/v7"],
    ["linux/arm/v6", "linux/arm/v6"],
    ["linux/armhf", "linux/arm/v7"],
    ["linux/armel", "linux/arm/v6"],
    ["macos/arm64", "darwin/arm64"],
    ["windows(10.0.17763)/amd64", "windows(10.0.17763)/amd64"],
    ["linux/riscv64", "linux/riscv64"],
    ["linux/ppc64le/power9", "linux/ppc64le/power9"],
    ["linux/constructor", "linux/constructor"],
  ] as const) {
    assert.equal(formatPlatform(parsePlatform(text)), normal, text);
  }
});

test("what is no platform is refused", () => {
  const bad = ["", "linux", "linux/", "/amd64", "linux/amd64/", "a/b/c/d", "linux/amd 64", "linux/amd64\n"];
  for (const text of [...bad, "windows()/amd64", "windows(1/amd64", `linux/${"a".repeat(129)}`]) {
    assert.throws(() => parsePlatform(text), { code: "ERR_LADING_REFERENCE" }, text);
  }
});

const word = fc.stringMatching(/^[A-Za-z0-9_.-]{1,12}$/);
const platform = fc
  .record(
    {
      os: fc.oneof(fc.constantFrom("linux", "windows", "macos"), word),
      architecture: fc.oneof(fc.constantFrom("amd64", "arm", "arm64", "x86_64", "armel"), word),
      variant: fc.oneof(fc.constantFrom("v5", "v6", "v7", "v8", "8", "v8.2", "v3"), word),
      osVersion: fc.oneof(fc.constantFrom("10.0.17763.1", "10.0.20348"), word),
    },
    { requiredKeys: ["os", "architecture"] },
  )
  .map((made) => made as Platform);

test("a normal platform comes back from its text and from its JSON, and stays as it is", () => {
  fc.assert(
    fc.property(platform, (made) => {
      const normal = normalizePlatform(made);
      assert.deepEqual(normalizePlatform(normal), normal);
      assert.deepEqual(parsePlatform(formatPlatform(normal)), normal);
      assert.deepEqual(readPlatform(platformToJson(normal), "platform"), normal);
      assert.equal(platformDistance(made, normal), 0);
      assert.equal(platformDistance(normal, made), 0);
    }),
  );
});

test("a machine runs what it can run, the nearest best", () => {
  const distance = (wanted: string, offered: string) =>
    platformDistance(parsePlatform(wanted), parsePlatform(offered));
  const runs: [wanted: string, offered: string[]][] = [
    ["linux/arm/v7", ["linux/arm", "linux/arm/v6", "linux/arm/v5"]],
    ["linux/arm/v8", ["linux/arm/v8", "linux/arm/v7", "linux/arm/v6"]],
    ["linux/amd64/v3", ["linux/amd64/v3", "linux/amd64/v2", "linux/amd64"]],
    ["linux/arm64/v9", ["linux/arm64/v9", "linux/arm64/v8.2", "linux/arm64"]],
  ];
  for (const [wanted, offered] of runs) {
    const distances = offered.map((text) => distance(wanted, text) ?? Number.NaN);
    assert.equal(distances[0], 0);
    for (let i = 1; i < distances.length; i++) {
      assert.ok((distances[i] ?? 0) > (distances[i - 1] ?? 0), `${wanted}: ${offered[i]}`);
    }
  }
  for (const [wanted, offered] of [
    ["linux/arm/v6", "linux/arm/v7"],
    ["linux/amd64", "linux/amd64/v2"],
    ["linux/arm64", "linux/arm/v7"],
    ["linux/amd64", "linux/386"],
    ["linux/amd64", "windows/amd64"],
    ["linux/riscv64", "linux/riscv64/rva23"],
    ["linux/ppc64le/power10", "linux/ppc64le/power9"],
    ["linux/arm/v7", "linux/arm/special"],
    ["windows(10.0.17763)/amd64", "windows(10.0.20348)/amd64"],
    ["windows(10.0.1776)/amd64", "windows(10.0.17763)/amd64"],
    ["linux(1.2)/amd64", "linux(1.20)/amd64"],
  ] as const) {
    assert.equal(distance(wanted, offered), undefined, `${wanted} ${offered}`);
  }
  // Another revision of the same Windows build runs, the same one is better.
  assert.equal(distance("windows(10.0.17763.1)/amd64", "windows(10.0.17763.1)/amd64"), 0);
  assert.ok((distance("windows(10.0.17763.1)/amd64", "windows(10.0.17763.9)/amd64") ?? 0) > 0);
  assert.ok((distance("windows(10.0.17763)/amd64", "windows(10.0.17763.9)/amd64") ?? 0) > 0);
  assert.equal(distance("windows/amd64", "windows(10.0.17763.9)/amd64"), 0);
});

test("features that were not asked for make a worse match", () => {
  const plain = { os: "windows", architecture: "amd64" };
  const featured = { ...plain, osFeatures: ["win32k"] };
  assert.ok((platformDistance(plain, featured) ?? 0) > 0);
  assert.ok((platformDistance(featured, plain) ?? 0) > 0);
  assert.equal(platformDistance(featured, featured), 0);
});

function entry(name: string, platform?: Platform, more: Partial<Descriptor> = {}): Descriptor {
  return {
    mediaType: mediaTypes.ociManifest,
    digest: digestOf(name),
    size: 1,
    ...(platform === undefined ? {} : { platform }),
    ...more,
  };
}

function index(...manifests: readonly Descriptor[]): Index {
  return { kind: "index", mediaType: mediaTypes.ociIndex, raw: new Uint8Array(), manifests };
}

const unknown = { os: "unknown", architecture: "unknown" };
const amd64 = entry("amd64", { os: "linux", architecture: "amd64" });
const armV6 = entry("arm/v6", { os: "linux", architecture: "arm", variant: "v6" });
const armV7 = entry("arm/v7", { os: "linux", architecture: "arm", variant: "v7" });
const arm64 = entry("arm64", { os: "linux", architecture: "arm64", variant: "v8" });
const attestation = entry("attestation", unknown);
const marked = entry("marked", undefined, {
  annotations: { "vnd.docker.reference.type": "attestation-manifest" },
});

function select(from: Index, ...wanted: string[]): readonly Descriptor[] {
  return selectManifests(from, wanted.map(parsePlatform));
}

test("the best image for each platform is chosen, in the order asked for, each once", () => {
  const all = index(attestation, armV6, armV7, amd64, arm64, marked);
  assert.deepEqual(select(all, "linux/arm64", "linux/amd64"), [arm64, amd64]);
  assert.deepEqual(select(all, "linux/arm"), [armV7]);
  assert.deepEqual(select(all, "linux/arm/v6", "linux/arm/v7", "linux/arm/v8"), [armV6, armV7]);
});

test("of equals the first is chosen", () => {
  const second = entry("second", { os: "linux", architecture: "x86_64" });
  assert.deepEqual(select(index(amd64, second), "linux/amd64"), [amd64]);
  assert.deepEqual(select(index(second, amd64), "linux/amd64"), [second]);
  assert.deepEqual(select(index(amd64, second), "linux/amd64", "linux/amd64/v2"), [amd64]);
});

test("what is absent is told together with what is there", () => {
  assert.throws(() => select(index(amd64, arm64, attestation), "linux/s390x"), {
    code: "ERR_LADING_NOT_FOUND",
    message: "there is no image for linux/s390x",
    hint: "there is: linux/amd64, linux/arm64/v8",
  });
  assert.throws(() => select(index(attestation), "linux/amd64"), { hint: "the index lists no images" });
  assert.throws(() => select(index(attestation), "unknown/unknown"), { code: "ERR_LADING_NOT_FOUND" });
  const many = Array.from({ length: 30 }, (_, i) => entry(`${i}`, { os: "linux", architecture: `a${i}` }));
  assert.throws(() => select(index(...many), "linux/amd64"), { hint: /linux\/a19 and 10 more$/ });
});

test("an entry without a platform stands for any, if it is the only image", () => {
  const plain = entry("plain");
  assert.deepEqual(select(index(plain, attestation), "linux/amd64"), [plain]);
  assert.deepEqual(select(index(plain, amd64), "linux/amd64"), [amd64]);
  assert.throws(() => select(index(plain, amd64), "linux/arm"), { hint: /\(no platform\), linux\/amd64$/ });
  assert.deepEqual(imagesOf(index(plain, attestation, marked, amd64)), [plain, amd64]);
});
