import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { openTar } from "../../../src/bundle/tar/open.ts";
import { type TarImage, writeTar } from "../../../src/bundle/tar/write.ts";
import { copy } from "../../../src/copy/copy.ts";
import { isLadingError } from "../../../src/errors.ts";
import { createRegistryClient, type RegistryClient } from "../../../src/stores/registry/client.ts";
import { artifact, type Content, image, index, writeContent } from "../../support/content.ts";
import { startDockerRegistry } from "../../support/docker-registry.ts";
import { startFaultProxy } from "../../support/fault-proxy.ts";
import { needs } from "../../support/peers.ts";
import { startRegistry } from "../../support/registry.ts";
import { assertNamed } from "../../support/same-content.ts";
import { tempDir } from "../../support/tmp.ts";
import { layersOf, noted, tarImage } from "./tars.ts";

const arm = { os: "linux", architecture: "arm64" };
const contents: Readonly<Record<string, Content>> = {
  image: image({ seed: 1, layers: 3, layerBytes: 200_000 }),
  docker: image({ seed: 2, family: "docker" }),
  index: index([image({ seed: 3 }), image({ seed: 4, platform: arm })]),
  list: index([image({ seed: 5, family: "docker" }), image({ seed: 6, family: "docker", platform: arm })], {
    family: "docker",
  }),
  chart: artifact({ seed: 7, artifactType: "application/vnd.cncf.helm.chart.v1" }),
};

function clientFor(t: TestContext): RegistryClient {
  const client = createRegistryClient();
  t.after(() => client[Symbol.asyncDispose]());
  return client;
}

/** Everything into one registry, from there into a tar, and from that into another registry. */
async function roundTrip(t: TestContext, from: string, to: string): Promise<Buffer> {
  const client = clientFor(t);
  const source = client.repository({ registry: from, repository: "source" });
  const images: TarImage[] = [];
  for (const [tag, content] of Object.entries(contents)) {
    await writeContent(source, content, tag);
    const refs = [`${from}/source@${content.root.digest}`];
    images.push(tarImage(source, content, { tag, refs }));
  }
  const path = join(await tempDir(t), "all.tar");
  await writeTar(path, images);
  const tar = await openTar(path);
  const target = client.repository({ registry: to, repository: "target/deep" });
  for (const { descriptor, tag } of tar.roots) {
    await copy([{ from: tar, reference: descriptor, to: target, tags: [tag] }]);
  }
  await tar[Symbol.asyncDispose]();
  for (const [tag, content] of Object.entries(contents)) await assertNamed(target, tag, content);

  // And once more from there: all but the references is the same.
  const again = join(await tempDir(t), "all.tar");
  await writeTar(
    again,
    images.map((each) => ({ ...each, source: target })),
  );
  assert.ok(readFileSync(again).equals(readFileSync(path)));
  return readFileSync(path);
}

test("registry, tar, registry: with our own", async (t) => {
  const [one, two] = [await startRegistry(t), await startRegistry(t)];
  await roundTrip(t, one.host, two.host);
});

test("registry, tar, registry: with docker-registry on either side", needs("docker-registry"), async (t) => {
  const [ours, theirs] = [await startRegistry(t), await startDockerRegistry(t)];
  await roundTrip(t, ours.host, theirs.host);
  const [other, target] = [await startDockerRegistry(t), await startRegistry(t)];
  await roundTrip(t, other.host, target.host);
});

test("a differential tar goes where its layers are, and nowhere else", async (t) => {
  const registry = await startRegistry(t);
  const client = clientFor(t);
  const old = image({ seed: 1, layers: 3, layerBytes: 50_000 });
  const next = image({ seed: 2, layers: 1, base: old.nodes });
  const repository = (name: string) => client.repository({ registry: registry.host, repository: name });
  await writeContent(repository("source"), next, "v2");
  await writeContent(repository("receiver"), old, "v1");
  const path = join(await tempDir(t), "difference.tar");
  const result = await writeTar(path, [tarImage(repository("source"), next)], {
    leaveOut: (descriptor) => repository("receiver").has({ kind: "blob", descriptor }),
  });
  assert.equal(result.leftOut.length, 3);
  assert.equal(result.layers.length, 1);
  const tar = await openTar(path);
  t.after(() => tar[Symbol.asyncDispose]());
  await copy([{ from: tar, reference: "", to: repository("receiver"), tags: ["v2"] }]);
  await assertNamed(repository("receiver"), "v2", next);
  await assert.rejects(copy([{ from: tar, reference: "", to: repository("other"), tags: [] }]), (error) => {
    assert.ok(isLadingError(error));
    assert.equal(error.code, "ERR_LADING_MISSING_CONTENT");
    assert.match(error.message, /is neither at .*difference\.tar nor at /);
    return true;
  });
});

test("each document and each layer is asked for once", async (t) => {
  const registry = await startRegistry(t);
  const client = clientFor(t);
  const proxy = await startFaultProxy(t, registry.host);
  const content = index([image({ seed: 1, layers: 3 }), image({ seed: 2, platform: arm })]);
  await writeContent(client.repository({ registry: registry.host, repository: "app" }), content);
  const source = client.repository({ registry: proxy.host, repository: "app" });
  const { source: from, reads } = noted(source);
  const path = join(await tempDir(t), "app.tar");
  proxy.script();
  const images = [tarImage(from, content, { tag: "v1" }), tarImage(from, content, { tag: "v2" })];
  await writeTar(path, images);
  assert.equal(reads.length, content.nodes.length);
  const gets = proxy.requests.filter(({ url }) => /(blobs|manifests)/.test(url));
  assert.equal(gets.length, content.nodes.length);
  assert.ok(gets.every(({ method }) => method === "GET"));
});

test("a connection that breaks inside of a layer is taken up again", async (t) => {
  const registry = await startRegistry(t);
  const client = clientFor(t);
  const content = image({ layers: 1, layerBytes: 3_000_000 });
  await writeContent(client.repository({ registry: registry.host, repository: "app" }), content);
  const [layer] = layersOf(content);
  const path = new RegExp(`blobs/${layer?.digest}`);
  const proxy = await startFaultProxy(t, registry.host, {
    match: { path },
    action: { kind: "drop-response", after: 500_000 },
  });
  const source = client.repository({ registry: proxy.host, repository: "app" });
  const tar = join(await tempDir(t), "app.tar");
  await writeTar(tar, [tarImage(source, content)]);
  const opened = await openTar(tar);
  assert.ok(
    layer !== undefined && opened.hasLayer({ mediaType: "", digest: layer.digest, size: layer.bytes.length }),
  );
  await opened[Symbol.asyncDispose]();
  assert.ok(proxy.requests.filter(({ url }) => path.test(url)).length > 1);
});
