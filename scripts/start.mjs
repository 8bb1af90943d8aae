// The main job on real content: push a folder and a multi-platform image, copy both to a second registry, directly and
// through an archive, pull them back, and compare every digest and every file.
// npm start [-- --keep] [-- --program FILE]: keep the work folder; use a program that is built already
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "./build.mjs";
import { installPackages, root } from "./setup.mjs";

const keep = process.argv.includes("--keep");
const given = process.argv.includes("--program")
  ? process.argv[process.argv.indexOf("--program") + 1]
  : undefined;
const program = given ?? join(root, "dist/bin/lading.js");
const work = mkdtempSync(join(tmpdir(), "lading-start-"));
const registries = [];
const began = Date.now();

// Ctrl-C reaches the commands as well: what they leave is taken away below.
process.on("SIGINT", () => {});

try {
  await main();
} catch (error) {
  console.error(`\nfailed: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
} finally {
  await Promise.all(registries.map(({ child }) => stopped(child)));
  if (keep) console.log(`kept: ${work}`);
  else rmSync(work, { recursive: true, force: true });
}

async function main() {
  if (given === undefined) {
    installPackages();
    await build();
  }
  mkdirSync(join(work, "home"));

  title("two registries on this machine");
  const [one, two] = await Promise.all([serve("first"), serve("second")]);
  console.log(`  first   ${one}\n  second  ${two}`);

  title("push a folder, and an image for two platforms");
  await lading("push", "-i", `${one}/site:v1`, "-f", "examples/site");
  for (const architecture of ["amd64", "arm64"]) {
    const folders = `examples/site,examples/platforms/${architecture}`;
    const image = `oci:${work}/layout:${architecture}`;
    await lading("push", "-i", image, "-f", folders, "--platform", `linux/${architecture}`);
  }
  await ran(process.execPath, ["examples/multi-platform.mjs", `${work}/layout`, "v1", "amd64", "arm64"]);
  await lading("image", "copy", `oci:${work}/layout:v1`, `${one}/harbour:v1`);

  title("copy both to the second registry, and once more through an archive");
  await lading("copy", "-i", `${one}/site:v1`, "--to-repo", `${two}/site`);
  await lading("copy", "-i", `${one}/harbour:v1`, "--to-repo", `${two}/harbour`);
  await lading("copy", "-i", `${one}/harbour:v1`, "--to-tar", `${work}/harbour.tar`);
  await lading("copy", "--tar", `${work}/harbour.tar`, "--to-repo", `${two}/carried/harbour`);

  title("the digests");
  const site = await sameDigest([`${one}/site:v1`, `${two}/site:v1`]);
  const harbour = await sameDigest([
    `oci:${work}/layout:v1`,
    `${one}/harbour:v1`,
    `${two}/harbour:v1`,
    `oci-archive:${work}/harbour.tar`,
    `${two}/carried/harbour:v1`,
  ]);

  title("pull them back and compare the files");
  await lading("pull", "-i", `${two}/site:v1`, "-o", `${work}/site`);
  const files = sameTrees(["examples/site"], `${work}/site`);
  for (const architecture of ["amd64", "arm64"]) {
    const image = `${two}/carried/harbour:v1`;
    await lading("pull", "-i", image, "--platform", `linux/${architecture}`, "-o", `${work}/${architecture}`);
    sameTrees(["examples/site", `examples/platforms/${architecture}`], `${work}/${architecture}`);
  }

  title("the account");
  console.log(`  every digest the same: site     ${site}`);
  console.log(`                         harbour  ${harbour}`);
  console.log(`  every file the same:   ${files} in site, and those of both platforms`);
  console.log(`  took ${((Date.now() - began) / 1000).toFixed(1)} s; ${keep ? "kept" : "removed"} ${work}`);
}

/** @param {string} text */
function title(text) {
  console.log(`\n# ${text}`);
}

/** Starts a registry on a free port and gives its host. @param {string} name @returns {Promise<string>} */
function serve(name) {
  const args = ["registry", "serve", "--dir", join(work, name), "--listen", "127.0.0.1:0", "--log", "none"];
  const child = spawn(process.execPath, [program, ...args], {
    stdio: ["ignore", "ignore", "pipe"],
    env: environment(),
  });
  registries.push({ child });
  return new Promise((resolve, reject) => {
    let said = "";
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`the registry ended: ${said}`)));
    child.stderr.on("data", (chunk) => {
      said += chunk;
      const host = /http:\/\/(127\.0\.0\.1:\d+)/.exec(said)?.[1];
      if (host) resolve(host);
    });
  });
}

/** @param {import("node:child_process").ChildProcess} child */
function stopped(child) {
  if (child.exitCode !== null) return;
  child.kill("SIGTERM");
  return new Promise((resolve) => child.once("exit", resolve));
}

/** Without the reader's own credentials and settings. */
function environment() {
  return { ...process.env, HOME: join(work, "home"), DOCKER_CONFIG: join(work, "home") };
}

/** Runs a command of lading as a reader would, shows it, and gives its output. @param {...string} args */
async function lading(...args) {
  console.log(`$ lading ${args.join(" ").replaceAll(work, "$WORK")}`);
  const output = await ran(process.execPath, [program, ...args]);
  for (const line of output.split("\n")) if (line !== "") console.log(`  ${line.replaceAll(work, "$WORK")}`);
  return output.trim();
}

/** @param {string} command @param {string[]} args @returns {Promise<string>} */
function ran(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ["ignore", "pipe", "inherit"],
      env: environment(),
    });
    let output = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
    });
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`${[command, ...args].join(" ")} ended with ${code}`));
    });
  });
}

/** The one digest of all these places. @param {string[]} places */
async function sameDigest(places) {
  const digests = [];
  for (const place of places) {
    const resolved = await lading("tag", "resolve", "-i", place);
    digests.push(resolved.slice(resolved.lastIndexOf("@") + 1));
  }
  if (new Set(digests).size !== 1) throw new Error(`the digests differ: ${digests.join(", ")}`);
  return digests[0];
}

/** Compares what was pulled with the folders it came from; gives the number of files. @param {string[]} from @param {string} to */
function sameTrees(from, to) {
  const wanted = new Map(from.flatMap((folder) => [...listing(join(root, folder))]));
  const found = listing(to);
  for (const [path, what] of wanted) {
    if (found.get(path) !== what)
      throw new Error(`${path} is ${found.get(path) ?? "missing"} and not ${what}`);
  }
  for (const path of found.keys())
    if (!wanted.has(path)) throw new Error(`${path} is in ${to} and was not pushed`);
  console.log(`  compared: ${wanted.size} files, folders and links`);
  return wanted.size;
}

/** Path → what is there: kind, whether it runs, content or target. @param {string} folder @returns {Map<string, string>} */
function listing(folder, prefix = "") {
  const found = new Map();
  for (const entry of readdirSync(join(folder, prefix), { withFileTypes: true })) {
    const path = join(prefix, entry.name);
    const full = join(folder, path);
    if (entry.isSymbolicLink()) found.set(path, `a link to ${readlinkSync(full)}`);
    else if (entry.isDirectory()) {
      found.set(path, "a folder");
      for (const [below, what] of listing(folder, path)) found.set(below, what);
    } else {
      const kind = (statSync(full).mode & 0o100) === 0 ? "a file" : "a program";
      found.set(path, `${kind} ${createHash("sha256").update(readFileSync(full)).digest("hex")}`);
    }
  }
  return found;
}
