import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { formatBundleLock } from "../../../src/bundle/documents/bundle-lock.ts";
import { formatImagesLock, lockOf } from "../../../src/bundle/documents/images-lock.ts";
import { parsePinned } from "../../../src/bundle/documents/names.ts";
import { rootBundleLabel } from "../../../src/bundle/tar/open.ts";
import { type TarImage, writeTar } from "../../../src/bundle/tar/write.ts";
import { digestOf } from "../../../src/bytes/hash.ts";
import type { Descriptor } from "../../../src/spec/descriptor.ts";
import { createOciArchive } from "../../../src/stores/archive/archive-writer.ts";
import { MemoryStore } from "../../../src/stores/memory.ts";
import type { Source } from "../../../src/stores/store.ts";
import { type Ended, ended, lading, startLading } from "../../cli/support/program.ts";
import { putBundle, putLocations } from "../../support/bundle-image.ts";
import { image as contentImage, index, writeContent } from "../../support/content.ts";
import { startDockerRegistry } from "../../support/docker-registry.ts";
import { file, putImage, tarOf } from "../../support/image.ts";
import { needs } from "../../support/peers.ts";
import { tempDir } from "../../support/tmp.ts";
import { treeOf } from "../../support/tree.ts";
import { putApp, type Watched, watched } from "./registries.ts";

const succeeded = ["", "Succeeded", ""];

function ok(ended: Ended): string {
  assert.equal(ended.code, 0, ended.stderr);
  return ended.stdout;
}

function lockWith(...images: readonly string[]): string {
  return formatImagesLock(lockOf(images.map((image) => ({ image }))));
}

function lockIn(...folders: readonly string[]): string {
  return readFileSync(join(...folders, ".imgpkg/images.yml"), "utf8");
}

interface Family {
  readonly app: string;
  readonly inner: Descriptor;
  readonly middle: Descriptor;
  readonly outer: Descriptor;
}

/** Three bundles in each other, the outer one naming the innermost too, with an image: all in `x`, as `x:v1`. */
async function putFamily({ host, store }: Watched): Promise<Family> {
  const x = store("x");
  const app = await putApp(x);
  const inner = await putBundle(x, { images: [{ image: `${host}/app@${app}` }] });
  const middle = await putBundle(x, { images: [{ image: `${host}/inner@${inner.digest}` }] });
  const images = [`${host}/middle@${middle.digest}`, `${host}/inner@${inner.digest}`].map((image) => ({
    image,
  }));
  return { app, inner, middle, outer: await putBundle(x, { images, tag: "v1" }) };
}

interface PulledData {
  readonly image: string;
  readonly digest: string;
  readonly output: string;
  readonly files: number;
  readonly bytes: number;
  readonly lock: object;
  readonly layers: readonly { readonly digest: string }[];
  readonly nested: readonly PulledData[];
}

async function json(args: readonly string[], cwd: string): Promise<PulledData> {
  return JSON.parse(ok(await lading([...args, "--json"], { cwd }))) as PulledData;
}

function old(cwd: string): void {
  mkdirSync(join(cwd, "out"));
  writeFileSync(join(cwd, "out/old"), "old");
}

test("what was pulled is told as text, as data, in one word, and as imgpkg tells it", async (t) => {
  const cwd = await tempDir(t);
  const registry = await watched(t);
  const { host } = registry;
  const { app, inner, middle, outer } = await putFamily(registry);
  const args = ["pull", "-b", `${host}/x:v1`, "-o", "out/", "-r"];
  const nameOf = ({ digest }: { readonly digest: string }) => `${host}/x@${digest}`;
  const folderOf = ({ digest }: Descriptor) => `out/.imgpkg/bundles/${digest.replace(":", "-")}`;
  const data = await json(args, cwd);
  const { image, digest, output, files, lock, nested } = data;
  const rewritten = { rewritten: true, because: "presence" };
  assert.deepEqual(
    { image, digest, output, files, lock },
    {
      ...{ image: nameOf(outer), digest: outer.digest, output: "out/", files: 2, lock: rewritten },
    },
  );
  assert.deepEqual(
    nested.map((each) => [each.image, each.output, each.files, each.lock]),
    [middle, inner].map((bundle) => [nameOf(bundle), folderOf(bundle), 2, rewritten]),
  );
  const planned = await json([...args, "--plan"], cwd);
  const layers = [planned, ...planned.nested].map((each) => each.layers[0]?.digest);
  assert.equal(
    ok(await lading(args, { cwd })),
    [
      `Pulled ${nameOf(outer)}`,
      `  into out/: 2 files, ${data.bytes} B`,
      `  lock of 2 images rewritten to ${host}/x, where all of them are`,
      ...[middle, inner].flatMap((bundle, i) => [
        `Pulled ${nameOf(bundle)}`,
        `  into ${folderOf(bundle)}: 2 files, ${nested[i]?.bytes} B`,
        `  lock of 1 image rewritten to ${host}/x, where all of them are`,
      ]),
      "",
    ].join("\n"),
  );
  assert.equal(lockIn(cwd, folderOf(inner)), lockWith(`${host}/x@${app}`));
  assert.equal(ok(await lading([...args, "-q"], { cwd })), `${nameOf(outer)}\n`);
  const hosting = `The bundle repo (${host}/x) is hosting every image specified in the bundle's Images Lock file (.imgpkg/images.yml)`;
  assert.equal(
    ok(await lading([...args, "--tty"], { cwd })),
    [
      `Pulling bundle '${nameOf(outer)}'`,
      `  Extracting layer '${layers[0]}' (1/1)`,
      "",
      "Nested bundles",
      `  Pulling nested bundle '${nameOf(middle)}'`,
      `    Extracting layer '${layers[1]}' (1/1)`,
      `    Pulling nested bundle '${nameOf(inner)}'`,
      `      Extracting layer '${layers[2]}' (1/1)`,
      `  Pulling nested bundle '${nameOf(inner)}'`,
      "  Skipped, already downloaded",
      "",
      "Locating image lock file images...",
      hosting,
      ...succeeded,
    ].join("\n"),
  );
});

test("a lock that stays says why; an image is told of as imgpkg does", async (t) => {
  const cwd = await tempDir(t);
  const { host, store } = await watched(t);
  const gone = `${host}/gone@${digestOf(Buffer.from("gone"))}`;
  const bundle = await putBundle(store("x"), { images: [{ image: gone }], tag: "v1" });
  const args = ["pull", "-b", `${host}/x:v1`, "-o", "out"];
  assert.match(
    ok(await lading(args, { cwd })),
    new RegExp(`\\n {2}lock of 1 image left as it is: ${gone} is not in ${host}/x\\n$`),
  );
  assert.deepEqual((await json(args, cwd)).lock, { rewritten: false, because: "missing", missing: gone });
  assert.match(
    ok(await lading([...args, "--tty"], { cwd })),
    /\nOne or more images not found in bundle repo; skipping lock file update\n\nSucceeded\n$/,
  );
  await putLocations(store("x"), bundle.digest, [{ image: gone, isBundle: false }]);
  assert.match(ok(await lading(args, { cwd })), /rewritten to where the locations image says\n$/);
  const { descriptor, manifest } = await putImage(store("app"), [tarOf(file("a")), tarOf(file("b"))], {
    tag: "v1",
  });
  assert.equal(
    ok(await lading(["pull", "-i", `${host}/app:v1`, "-o", "app", "--tty"], { cwd })),
    [
      `Pulling image '${host}/app@${descriptor.digest}'`,
      ...manifest.layers.map(({ digest }, i) => `Extracting layer '${digest}' (${i + 1}/2)`),
      ...succeeded,
    ].join("\n"),
  );
});

test("a plan decides the same, and touches nothing", async (t) => {
  const cwd = await tempDir(t);
  const registry = await watched(t);
  const { host } = registry;
  const { inner, middle } = await putFamily(registry);
  old(cwd);
  const planned = await json(["pull", "-b", `${host}/x:v1`, "-o", "out", "-r", "--plan"], cwd);
  assert.deepEqual(
    planned.nested.map(({ digest }) => digest),
    [middle.digest, inner.digest],
  );
  const text = ok(await lading(["pull", "-b", `${host}/x:v1`, "-o", "out", "--plan"], { cwd }));
  assert.match(text, /^Would pull .*\n {2}into out: 1 layer, .*\n {2}lock of 2 images rewritten to /);
  assert.deepEqual(treeOf(cwd), ["dir 755 out", 'file 644 out/old "old"']);
});

test("wrong lines are refused in imgpkg's order and words, before any request", async (t) => {
  const cwd = await tempDir(t);
  const { host, proxy } = await watched(t);
  const ref = `${host}/x:v1`;
  const cases: [readonly string[], string][] = [
    [["-o", ""], "Expected --output to be none empty"],
    [["-o", "/"], "Disallowed output directory (trying to avoid accidental deletion)"],
    [["-o", "."], "Disallowed output directory (trying to avoid accidental deletion)"],
    [["-o", ".."], "Disallowed output directory (trying to avoid accidental deletion)"],
    [["-o", "./", "-b", ref], "Disallowed output directory (trying to avoid accidental deletion)"],
    [["-o", "./x/..", "-b", ref], "Disallowed output directory (trying to avoid accidental deletion)"],
    [["-o", "//", "-b", ref], "Disallowed output directory (trying to avoid accidental deletion)"],
    [["-o", "out"], "Expected either image or bundle reference"],
    [["-o", "out", "-b", ""], "Expected either image or bundle reference"],
    [["-o", "out", "-b", ref, "-i", ref], "Expected only one of image, bundle, or lock"],
    [["-o", "out", "-b", ref, "--lock", "x"], "Expected only one of image, bundle, or lock"],
    [["-o", "out", "-i", ref, "--tar", "x", "-r"], "Expected only one of image, bundle, or lock"],
    [["-o", "out", "-i", ref, "-r"], "Cannot use --recursive (-r) flag when pulling a bundle"],
    [
      ["-o", "out", "-b", ref, "--image-is-bundle-check=false"],
      "Cannot set --image-is-bundle-check while using -b flag",
    ],
  ];
  for (const [args, message] of cases) {
    const { code, stdout, stderr } = await lading(["pull", ...args], { cwd });
    assert.equal(code, 2, args.join(" "));
    assert.equal(stdout, "");
    assert.equal(stderr.split("\n")[0], `error ERR_LADING_USAGE: ${message}`);
  }
  assert.deepEqual(proxy.requests, []);
  assert.deepEqual(readdirSync(cwd), []);
});

test("the wrong kind is refused with imgpkg's hint, and the folder stays", async (t) => {
  const cwd = await tempDir(t);
  const { host, store } = await watched(t);
  await putBundle(store("x"), { images: [], tag: "v1" });
  await putImage(store("app"), [tarOf(file("a"))], { tag: "v1" });
  const arm = { os: "linux", architecture: "arm64" };
  await writeContent(store("many"), index([contentImage(), contentImage({ seed: 7, platform: arm })]), "v1");
  old(cwd);
  const refused = async (args: readonly string[]) => {
    const { code, stderr } = await lading(["pull", ...args, "-o", "out"], { cwd });
    assert.notEqual(code, 0);
    assert.deepEqual(treeOf(cwd), ["dir 755 out", 'file 644 out/old "old"']);
    return stderr;
  };
  assert.match(
    await refused(["-b", `${host}/app:v1`]),
    /: Expected bundle image but found plain image\n.*\n {2}hint: Did you use -i instead of -b\?\n$/,
  );
  assert.match(
    await refused(["-b", `${host}/many:v1`]),
    /: Expected bundle image but found plain image\n.*\n {2}hint: Did you use -i instead of -b\?\n$/,
  );
  assert.match(
    await refused(["-i", `${host}/x:v1`]),
    /: Expected bundle flag when pulling a bundle\n.*\n {2}hint: Use -b instead of -i for bundles\n$/,
  );
  assert.match(
    await refused(["-i", `${host}/many:v1`]),
    /: Unable to pull non-images, such as image indexes\.\n.*\n {2}hint: provide a specific digest to the image instead\n$/,
  );
  assert.match(await refused(["-b", `${host}/gone:v1`]), /^error ERR_LADING_NOT_FOUND: /);
  ok(await lading(["pull", "-i", `${host}/x:v1`, "--image-is-bundle-check=false", "-o", "out"], { cwd }));
  assert.equal(lockIn(cwd, "out"), lockWith());
  ok(await lading(["pull", "-b", `${host}/x:v1`, "--image-is-bundle-check=true", "-o", "out"], { cwd }));
  const chosen = ["pull", "-i", `${host}/many:v1`, "--platform", "linux/arm64", "-o", "out"];
  assert.equal((await json(chosen, cwd)).digest, contentImage({ seed: 7, platform: arm }).root.digest);
});

test("a lock names the bundle, and only a BundleLock will do", async (t) => {
  const cwd = await tempDir(t);
  const registry = await watched(t);
  const { host } = registry;
  const { outer } = await putFamily(registry);
  const image = `${host}/x@${outer.digest}`;
  writeFileSync(
    join(cwd, "lock.yml"),
    formatBundleLock({ image, reference: parsePinned(image), tag: "moved-since" }),
  );
  writeFileSync(join(cwd, "images.yml"), lockWith(image));
  const data = await json(["pull", "--lock", "lock.yml", "-o", "out", "-r"], cwd);
  assert.equal(data.image, image);
  assert.equal(data.nested.length, 2);
  const wrong = await lading(["pull", "--lock", "images.yml", "-o", "out2"], { cwd });
  assert.match(wrong.stderr, /ERR_LADING_DOCUMENT: Unmarshaling bundle lock: .*unknown field "images"/);
  const absent = await lading(["pull", "--lock", "nowhere.yml", "-o", "out2"], { cwd });
  assert.match(absent.stderr, /Reading path .*nowhere\.yml: open .*nowhere\.yml: no such file or directory/);
  assert.deepEqual(readdirSync(cwd).sort(), ["images.yml", "lock.yml", "out"]);
});

const tarImage = (source: Source, root: Descriptor, more: Partial<TarImage> = {}): TarImage => ({
  ...{ source, root, refs: [`gone.example/x@${root.digest}`], tag: "", origRef: "", labels: undefined },
  ...more,
});

test("a bundle out of a tar, with the bundles in it, and no registry anywhere", async (t) => {
  const cwd = await tempDir(t);
  const store = new MemoryStore("memory");
  const app = await putImage(store, [tarOf(file("app"))]);
  const appImage = `gone.example/app@${app.descriptor.digest}`;
  const inner = await putBundle(store, { images: [{ image: appImage }] });
  const outer = await putBundle(store, { images: [{ image: `gone.example/inner@${inner.digest}` }] });
  const images = [
    tarImage(store, app.descriptor),
    tarImage(store, inner),
    tarImage(store, outer, { tag: "v1", labels: { [rootBundleLabel]: "" } }),
  ];
  await writeTar(join(cwd, "bundle.tar"), images);
  const data = await json(["pull", "--tar", "bundle.tar", "-o", "out", "-r"], cwd);
  assert.equal(data.image, `gone.example/x@${outer.digest}`);
  assert.deepEqual(data.lock, { rewritten: false, because: "no registry" });
  assert.equal(lockIn(cwd, "out"), lockWith(`gone.example/inner@${inner.digest}`));
  const nested = join("out/.imgpkg/bundles", inner.digest.replace(":", "-"));
  assert.equal(lockIn(cwd, nested), lockWith(appImage));
  // Without -r the nested bundle of the pull before is gone.
  assert.match(
    ok(await lading(["pull", "--tar", "bundle.tar", "-o", "out"], { cwd })),
    /left as it is: the bundle comes from no registry\n$/,
  );
  assert.deepEqual(readdirSync(join(cwd, "out/.imgpkg")), ["images.yml"]);
});

test("the only image of a tar; of several none is guessed; other archives are named for what they are", async (t) => {
  const cwd = await tempDir(t);
  const store = new MemoryStore("memory");
  const app = await putImage(store, [tarOf(file("app"))]);
  const other = await putImage(store, [tarOf(file("other"))]);
  const bundle = await putBundle(store, { images: [] });
  await writeTar(join(cwd, "app.tar"), [tarImage(store, app.descriptor)]);
  await writeTar(join(cwd, "old.tar"), [tarImage(store, bundle)]);
  await writeTar(
    join(cwd, "two.tar"),
    [app, other].map(({ descriptor }) => tarImage(store, descriptor)),
  );
  assert.equal((await json(["pull", "--tar", "app.tar", "-o", "out"], cwd)).digest, app.descriptor.digest);
  assert.deepEqual(readdirSync(join(cwd, "out")), ["app"]);
  assert.equal((await json(["pull", "--tar", "old.tar", "-o", "out"], cwd)).digest, bundle.digest);
  const refused = async (args: readonly string[]) => {
    const { code, stderr } = await lading(["pull", ...args, "-o", "none"], { cwd });
    assert.equal(code, 2, stderr);
    return stderr;
  };
  assert.match(await refused(["--tar", "two.tar"]), /the tar has 2 images, and none of them is named/);
  assert.match(await refused(["--tar", "app.tar", "-r"]), /--recursive \(-r\) is for bundles/);
  await using archive = await createOciArchive(join(cwd, "oci.tar"));
  await putImage(archive, [tarOf(file("app"))], { tag: "v1" });
  await archive.commit();
  assert.match(await refused(["--tar", "oci.tar"]), /hint: pull -i oci-archive:oci\.tar/);
});

test("kill -9 at any moment leaves the old folder, and the next pull succeeds", async (t) => {
  const cwd = await tempDir(t);
  const registry = await watched(t);
  const { host, proxy } = registry;
  await putFamily(registry);
  const args = ["pull", "-b", `${host}/x:v1`, "-o", "out", "-r"];
  ok(await lading(args, { cwd }));
  const whole = treeOf(join(cwd, "out"));
  const requests = proxy.requests.length;
  for (let stop = 1; stop < requests; stop += 5) {
    writeFileSync(join(cwd, "out/old"), "old");
    const before = treeOf(join(cwd, "out"));
    proxy.script({ match: { index: stop }, action: { kind: "delay", ms: 3000 } });
    const child = startLading(args, { cwd });
    const end = ended(child);
    while (proxy.requests.length <= stop && child.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 5));
    child.kill("SIGKILL");
    await end;
    assert.deepEqual(treeOf(join(cwd, "out")), before, `killed at request ${stop}`);
    proxy.script();
    ok(await lading(args, { cwd }));
    assert.deepEqual(treeOf(join(cwd, "out")), whole);
  }
});

test(
  "what lading pushed and copied is pulled from docker-registry when its origin is gone",
  needs("docker-registry"),
  async (t) => {
    const cwd = await tempDir(t);
    let stop = async (): Promise<void> => {};
    const origin = await startDockerRegistry({
      after: (stopIt) => {
        stop = stopIt;
      },
    });
    t.after(() => stop());
    const { host } = await startDockerRegistry(t);
    const line = async (line: string) => ok(await lading(line.split(" "), { cwd }));
    mkdirSync(join(cwd, "app"));
    writeFileSync(join(cwd, "app/hello.txt"), "hello\n");
    const app = (await line(`push -q -i ${origin.host}/app -f app`)).trim();
    mkdirSync(join(cwd, "bundle/.imgpkg"), { recursive: true });
    mkdirSync(join(cwd, "bundle/empty"));
    writeFileSync(join(cwd, "bundle/.imgpkg/images.yml"), lockWith(app));
    await line(`push -b ${origin.host}/bundle:v1 -f bundle`);
    await line(`copy -b ${origin.host}/bundle:v1 --to-repo ${host}/moved/here`);
    await stop();
    stop = async () => {};
    await line(`pull -b ${host}/moved/here:v1 -o out`);
    assert.equal(lockIn(cwd, "out"), lockWith(`${host}/moved/here@${app.split("@")[1]}`));
    assert.deepEqual(readdirSync(join(cwd, "out")).sort(), [".imgpkg", "empty"]);
    await line(`pull -i ${host}/moved/here@${app.split("@")[1]} -o app2`);
    assert.equal(readFileSync(join(cwd, "app2/hello.txt"), "utf8"), "hello\n");
  },
);
