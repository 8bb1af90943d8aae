import assert from "node:assert/strict";
import { join } from "node:path";
import test from "node:test";
import { parse } from "yaml";
import { rootBundleLabel } from "../../src/bundle/tar/open.ts";
import { writeTar } from "../../src/bundle/tar/write.ts";
import { explicitCredential } from "../../src/stores/registry/auth/credentials.ts";
import { createRegistryClient } from "../../src/stores/registry/client.ts";
import type { RegistryStore } from "../../src/stores/registry/repository.ts";
import { putBundle, putCosign, putLocations } from "../support/bundle-image.ts";
import { registryKinds, startGuardedRegistry } from "../support/guarded-registry.ts";
import { file, putImage, tarOf } from "../support/image.ts";
import { needs } from "../support/peers.ts";
import { startRegistry } from "../support/registry.ts";
import { tempDir } from "../support/tmp.ts";
import { lading } from "./support/program.ts";

/** A bundle `x:v1` of one signed image, with locations. */
async function signedBundle(store: RegistryStore, host: string) {
  const { descriptor: app } = await putImage(store, [tarOf(file("app"))]);
  const origin = `${host}/origin@${app.digest}`;
  const bundle = await putBundle(store, { images: [{ image: origin, annotations: { a: "1" } }], tag: "v1" });
  const signature = await putCosign(store, app.digest, "sig");
  await putLocations(store, bundle.digest, [{ image: origin, isBundle: false }]);
  return { app, bundle, signature, origin };
}

for (const kind of registryKinds) {
  const option = kind === "docker-registry" ? needs("docker-registry") : {};
  test(`layers, signatures and locations are read with the same credentials, ${kind}`, option, async (t) => {
    const { host, user, password } = await startGuardedRegistry(t, kind, 0);
    const client = createRegistryClient({ credentials: explicitCredential({ username: user, password }) });
    t.after(() => client.close());
    const { app, signature } = await signedBundle(
      client.repository({ registry: host, repository: "x" }),
      host,
    );
    const line = ["describe", "-b", `${host}/x:v1`];
    const env = { IMGPKG_USERNAME: user, IMGPKG_PASSWORD: password };
    for (const [args, variables] of [
      [[], env],
      [["--registry-username", user, "--registry-password", password], {}],
    ] as const) {
      const ended = await lading([...line, ...args], { env: variables });
      assert.equal(ended.code, 0, ended.stderr);
      assert.match(ended.stdout, new RegExp(`- Image: ${host}/x@${app.digest}\n    Type: Image\n`));
      assert.match(ended.stdout, new RegExp(`- Image: ${host}/x@${signature.digest}\n    Type: Signature\n`));
      assert.equal(ended.stdout.match(/^ {6}- Digest: /gm)?.length, 3);
    }
    const refused = await lading(line, { env: { ...env, IMGPKG_PASSWORD: "wrong" } });
    assert.equal(refused.code, 4);
    assert.equal(refused.stdout, "");
  });
}

test("text, YAML and JSON say the same", async (t) => {
  const { host } = await startRegistry(t);
  const client = createRegistryClient();
  t.after(() => client.close());
  const { app, bundle, origin } = await signedBundle(
    client.repository({ registry: host, repository: "x" }),
    host,
  );
  const line = ["describe", "-b", `${host}/x:v1`];
  const text = await lading(line);
  assert.match(text.stdout, new RegExp(`^Bundle SHA: ${bundle.digest}\n\nImages:\n  - Image: `));
  const yaml = await lading([...line, "-o", "yaml"]);
  assert.match(yaml.stdout, new RegExp(`^sha: ${bundle.digest}\ncontent:\n  images:\n`));
  const json = await lading([...line, "-ojson"]);
  const data = JSON.parse(json.stdout);
  assert.deepEqual(parse(yaml.stdout), data);
  assert.deepEqual(JSON.parse((await lading([...line, "--json"])).stdout), data);
  assert.equal(data.content.images[app.digest].origin, origin);
  assert.deepEqual(data.content.images[app.digest].annotations, { a: "1" });
  const bare = await lading([...line, "--layers=false", "--cosign-artifacts=false"]);
  assert.doesNotMatch(bare.stdout, /Layers|Signature/);
});

test("what cannot be described is refused in imgpkg's words", async (t) => {
  const { host } = await startRegistry(t);
  const client = createRegistryClient();
  t.after(() => client.close());
  await putImage(client.repository({ registry: host, repository: "x" }), [tarOf(file("a"))], { tag: "v1" });
  const says = async (...args: string[]): Promise<string> => {
    const ended = await lading(["describe", ...args]);
    assert.notEqual(ended.code, 0);
    assert.equal(ended.stdout, "");
    return ended.stderr;
  };
  assert.match(
    await says("-b", `${host}/x:v1`, "-o", "xml"),
    /--output-type can only have the following values \[text, yaml, json\]/,
  );
  assert.match(
    await says("-b", `${host}/x:v1`),
    new RegExp(`Only bundles can be described, and ${host}/x:v1 is not a bundle`),
  );
  assert.match(await says(), /Expected either --bundle \(-b\) or --tar as a source/);
  assert.match(await says("-b", "x", "--tar", "y"), /Expected either --bundle \(-b\) or --tar as a source/);
  assert.match(await says("--tar", "nothing.tar"), /ERR_LADING_NOT_FOUND/);
});

test("a tar is described without any registry; images are where they were taken from", async (t) => {
  const dir = await tempDir(t);
  const { host, server } = await startRegistry(t);
  const client = createRegistryClient();
  t.after(() => client.close());
  const store = client.repository({ registry: host, repository: "x" });
  const { app, bundle, signature, origin } = await signedBundle(store, host);
  const image = (root: typeof app, refs: string[], rest: object) => ({
    ...{ source: store, root, refs, tag: "", origRef: "", labels: undefined },
    ...rest,
  });
  await writeTar(join(dir, "x.tar"), [
    image(bundle, [`${host}/x@${bundle.digest}`], { tag: "v1", labels: { [rootBundleLabel]: "" } }),
    image(app, [`${host}/elsewhere@${app.digest}`], { origRef: origin }),
    image(signature, [`${host}/elsewhere@${signature.digest}`], {
      tag: `${app.digest.replace(":", "-")}.sig`,
    }),
  ]);
  await writeTar(join(dir, "images.tar"), [image(app, [`${host}/x@${app.digest}`], {})]);
  await server.close({ graceMs: 0 });
  const { code, stdout, stderr } = await lading(["describe", "--tar", "x.tar", "-o", "json"], { cwd: dir });
  assert.equal(code, 0, stderr);
  const { sha, image: name, content } = JSON.parse(stdout);
  assert.equal(sha, bundle.digest);
  assert.equal(name, `${host}/x@${bundle.digest}`);
  assert.deepEqual(Object.keys(content.images), [app.digest, signature.digest].sort());
  assert.equal(content.images[app.digest].image, `${host}/elsewhere@${app.digest}`);
  assert.equal(content.images[app.digest].origin, origin);
  assert.equal(content.images[app.digest].layers.length, 1);
  assert.equal(content.images[signature.digest].image, `${host}/elsewhere@${signature.digest}`);
  const refused = await lading(["describe", "--tar", "images.tar"], { cwd: dir });
  assert.equal(refused.code, 3);
  assert.match(refused.stderr, /the tar does not say that a bundle was copied into it/);
});
