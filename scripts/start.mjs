// A bundle on its journey, on real content: two registries with users of their own, locations images, a registry that
// goes away, an air gap and an update over it. At the end every digest is checked without Lading.
// npm start [-- --keep] [-- --program FILE]: keep the work folder; use a program that is built already
import { appendFileSync, cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "./build.mjs";
import { installPackages, root } from "./setup.mjs";
import { Digests } from "./start/digests.mjs";
import { ran, Stage } from "./start/stage.mjs";
import { sameTrees } from "./start/trees.mjs";

const keep = process.argv.includes("--keep");
const given = process.argv.includes("--program")
  ? process.argv[process.argv.indexOf("--program") + 1]
  : undefined;
const stage = new Stage(given ?? join(root, "dist/bin/lading.js"));
const { work } = stage;

// Ctrl-C reaches the commands as well: what they leave is taken away below.
process.on("SIGINT", () => {});

try {
  if (given === undefined) {
    installPackages();
    await build();
  }
  await main();
} catch (error) {
  console.error(`\nfailed: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
} finally {
  await stage.end({ keep });
}

async function main() {
  const began = Date.now();
  for (const name of ["site", "platforms", "port", "quay"]) {
    cpSync(join(root, "examples", name), join(work, name), { recursive: true });
  }
  cpSync(join(root, "src"), join(work, "source"), { recursive: true });
  const [dev, ops, crew] = [stage.person("dev"), stage.person("ops"), stage.person("crew")];

  title("three registries on this machine; the first two let nobody in but their own user");
  const workshop = await stage.serve("workshop", "dev");
  const depot = await stage.serve("depot", "ops");
  const island = await stage.serve("island");
  for (const { name, host, user } of [workshop, depot, island]) {
    console.log(`  ${name.padEnd(8)}  ${host}  ${user === undefined ? "anybody, over an air gap" : user}`);
  }
  await dev.login(workshop);
  await dev.login(depot);
  await ops.login(depot);

  title("images: a site, Lading's own sources, and one for two platforms");
  const site = digestOf(await dev.lading("push", "-i", `${workshop.host}/site:v1`, "-f", "site"));
  const source = digestOf(await dev.lading("push", "-i", `${workshop.host}/source:v1`, "-f", "source"));
  const harbour = await pushHarbour(dev.lading, workshop.host);

  title("a bundle in a bundle: configuration, and a lock of every image by digest");
  writeLock("quay", [`${workshop.host}/harbour@${harbour}`, `${workshop.host}/site@${site}`]);
  const quay = digestOf(await dev.lading("push", "-b", `${workshop.host}/quay:v1`, "-f", "quay"));
  writeLock("port", [
    `${workshop.host}/quay@${quay}`,
    `${workshop.host}/site@${site}`,
    `${workshop.host}/source@${source}`,
  ]);
  const port = digestOf(await dev.lading("push", "-b", `${workshop.host}/port:v1`, "-f", "port"));

  title("copy it to the second registry, with all that it names; a second copy moves nothing");
  const lock = "port.lock.yml";
  const copyToDepot = ["copy", "-b", `${workshop.host}/port:v1`, "--to-repo", `${depot.host}/port`];
  await dev.lading(...copyToDepot, "--lock-output", lock);
  const again = await dev.lading(...copyToDepot);
  expect(/moved 0 \(0 B\)/.test(again), "the second copy moved something");

  title("the locations image of the bundle says what is beside it");
  const locations = `${depot.host}/port:${port.replace(":", "-")}.image-locations.imgpkg`;
  await ops.lading("pull", "-i", locations, "-o", "locations");
  const located = readFileSync(`${work}/locations/images-locations.yml`, "utf8");
  stage.show(located);
  for (const digest of [quay, site, source]) expect(located.includes(digest), `${digest} has no location`);

  title("the first registry goes away; who knows the second only pulls all the same");
  await workshop.stop();
  console.log("  (workshop is stopped)");
  await ops.lading("pull", "--lock", lock, "-r", "-o", "pulled");
  stage.show(readFileSync(`${work}/pulled/.imgpkg/images.yml`, "utf8"));
  const nested = join(".imgpkg/bundles", quay.replace(":", "-"));
  checkLock(`${work}/pulled`, `${depot.host}/port`, [quay, site, source]);
  checkLock(join(work, "pulled", nested), `${depot.host}/port`, [harbour, site]);

  title("into a tar, and after a change a second tar with only what is new");
  await ops.lading("copy", "-b", `${depot.host}/port:v1`, "--to-tar", "port.tar");
  appendFileSync(`${work}/port/config/service.yml`, "# Open day and night.\n");
  const update = digestOf(await ops.lading("push", "-b", `${depot.host}/port:v2`, "-f", "port"));
  const since = ["--since", "port.tar"];
  await ops.lading("copy", "-b", `${depot.host}/port:v2`, "--to-tar", "update.tar", ...since);

  title("over the air gap: nobody there can ask the other registries");
  const inTars = new Digests();
  const carried = new Set([...inTars.inTar(`${work}/port.tar`), ...inTars.inTar(`${work}/update.tar`)]);
  const atDepot = new Digests();
  const images = { port, quay, site, source, harbour, "port:v2": update };
  for (const digest of Object.values(images)) await atDepot.inRegistry(depot, "port", digest);
  await depot.stop();
  console.log("  (depot is stopped)");
  const inside = `${island.host}/apps/port`;
  await crew.lading("copy", "--tar", "port.tar", "--to-repo", inside);
  await crew.lading("copy", "--tar", "update.tar", "--to-repo", inside);

  title("what is there: described, and verified byte for byte");
  await crew.lading("describe", "-b", `${inside}:v2`, "--layers=false");
  await crew.lading("bundle", "verify", `${inside}:v2`, "--bytes");

  title("and used");
  await crew.lading("pull", "-b", `${inside}:v2`, "-r", "-o", "port-inside");
  await crew.lading("pull", "-i", `${inside}@${source}`, "-o", "source-inside");
  const board = ["-i", `${inside}@${harbour}`, "--platform", "linux/arm64"];
  await crew.lading("pull", ...board, "-o", "board");

  const atIsland = new Digests();
  for (const digest of Object.values(images)) {
    expect(carried.has(digest), `${digest} is in no tar`);
    await atIsland.inRegistry(island, "apps/port", digest);
  }
  const rewritten = (/** @type {string} */ path) =>
    path.startsWith(nested) || /^\.imgpkg\/(?:images\.yml|bundles)$/.test(path);
  checkLock(`${work}/port-inside`, inside, [quay, site, source]);
  checkLock(join(work, "port-inside", nested), inside, [harbour, site]);
  const files =
    sameTrees([`${work}/port`], `${work}/port-inside`, rewritten) +
    sameTrees([`${work}/quay`], join(work, "port-inside", nested), rewritten) +
    sameTrees([`${work}/source`], `${work}/source-inside`) +
    sameTrees([`${work}/site`, `${work}/platforms/arm64`], `${work}/board`);

  title("the account");
  for (const [name, digest] of Object.entries(images)) console.log(`  ${name.padEnd(8)} ${digest}`);
  console.log("  every digest checked without Lading, over every byte of manifests, configs and layers:");
  account("depot", atDepot);
  account("tars", inTars);
  account("island", atIsland);
  console.log(`  every file the same: ${files} files and folders, pulled on the island`);
  console.log("  every lock relocated: what depot's and the island's locks name is beside the bundle");
  console.log(`  took ${((Date.now() - began) / 1000).toFixed(1)} s; ${keep ? "kept" : "removed"} ${work}`);
}

/** An index of two images, made in a layout with the library, and copied to the registry. @param {(...args: string[]) => Promise<string>} lading @param {string} host */
async function pushHarbour(lading, host) {
  for (const architecture of ["amd64", "arm64"]) {
    const folders = `site,platforms/${architecture}`;
    const image = `oci:layout:${architecture}`;
    await lading("push", "-i", image, "-f", folders, "--platform", `linux/${architecture}`);
  }
  await ran(process.execPath, ["examples/multi-platform.mjs", `${work}/layout`, "v1", "amd64", "arm64"]);
  return digestOf(await lading("image", "copy", `oci:layout:v1`, `${host}/harbour:v1`));
}

/** @param {string} bundle @param {readonly string[]} images */
function writeLock(bundle, images) {
  const list = images.map((image) => `- image: ${image}\n`).join("");
  const lock = `apiVersion: imgpkg.carvel.dev/v1alpha1\nkind: ImagesLock\nimages:\n${list}`;
  writeFileSync(join(work, bundle, ".imgpkg/images.yml"), lock);
}

/** Fails unless the lock of a pulled bundle names these images, in this order, in this repository. @param {string} folder @param {string} repository @param {readonly string[]} digests */
function checkLock(folder, repository, digests) {
  const lock = readFileSync(join(folder, ".imgpkg/images.yml"), "utf8");
  const named = [...lock.matchAll(/image: (\S+)/g)].map(([, image]) => image);
  const wanted = digests.map((digest) => `${repository}@${digest}`);
  expect(named.join(" ") === wanted.join(" "), `the lock names ${named.join(", ")}`);
}

/** The digest in what a command says of its result. @param {string} output */
function digestOf(output) {
  const digest = /@(sha256:[0-9a-f]{64})/.exec(output)?.[1];
  if (digest === undefined) throw new Error(`no digest in: ${output}`);
  return digest;
}

/** @param {boolean} isTrue @param {string} otherwise */
function expect(isTrue, otherwise) {
  if (!isTrue) throw new Error(otherwise);
}

/** @param {string} place @param {Digests} digests */
function account(place, { count, bytes }) {
  const size = `${(bytes / 1e6).toFixed(1)} MB`;
  console.log(`    ${place.padEnd(6)} ${String(count).padStart(3)} manifests and blobs, ${size}`);
}

/** @param {string} text */
function title(text) {
  console.log(`\n# ${text}`);
}
