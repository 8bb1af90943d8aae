// Where the show takes place: a folder for its work, registries with users of their own, and people who run lading.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { root } from "../setup.mjs";

/** The users' passwords as `htpasswd -B -C 5` hashes them: cheap on purpose. */
const users = {
  dev: {
    password: "a ship in a bottle",
    hash: "$2y$05$4u8jDS3x29vUyR6qepilmOL26ZBzPrNTVOKz5G.iJ1mvDnDaDRCv.",
  },
  ops: {
    password: "a lamp at the pier",
    hash: "$2y$05$m1TDMfrmZehl4m4ywG149.675kzAz6ICsbHu2C7si.qtBgQvPZfxy",
  },
};

/** @typedef {{ name: string, host: string, user?: keyof typeof users, authorization?: string, stop: () => Promise<void> }} Registry */

export class Stage {
  /** @type {Registry[]} */
  #registries = [];
  #program;
  work = mkdtempSync(join(tmpdir(), "lading-start-"));

  /** @param {string} program */
  constructor(program) {
    this.#program = resolve(program);
  }

  /** Starts a registry on a free port; with a user, nobody else gets in. @param {string} name @param {keyof typeof users} [user] @returns {Promise<Registry>} */
  async serve(name, user) {
    const args = ["registry", "serve", "--dir", join(this.work, name), "--listen", "127.0.0.1:0"];
    if (user !== undefined) {
      const file = join(this.work, `${name}.htpasswd`);
      writeFileSync(file, `${user}:${users[user].hash}\n`);
      args.push("--htpasswd", file);
    }
    const child = spawn(process.execPath, [this.#program, ...args, "--log", "none"], {
      stdio: ["ignore", "ignore", "pipe"],
      env: this.#environment(name),
    });
    const registry = {
      name,
      host: await listening(child),
      stop: () => stopped(child),
      ...(user === undefined ? {} : { user, authorization: basic(user) }),
    };
    this.#registries.push(registry);
    return registry;
  }

  /** Somebody with a home and credentials of their own. @param {string} name */
  person(name) {
    const env = this.#environment(name);
    /** Runs lading as a reader would, shows it, and gives its output. @param {...string} args */
    const lading = async (...args) => {
      console.log(`${name}$ lading ${this.#shown(args.join(" "))}`);
      const output = await ran(process.execPath, [this.#program, ...args], { cwd: this.work, env });
      this.show(output);
      return output.trim();
    };
    /** @param {Registry} registry */
    const login = async ({ host, user = "dev" }) => {
      console.log(`${name}$ lading login ${host} -u ${user} --password-stdin`);
      const args = ["login", host, "-u", user, "--password-stdin"];
      await ran(process.execPath, [this.#program, ...args], { env, input: users[user].password });
    };
    return { lading, login };
  }

  /** Prints what a command said; digests are cut, they are compared in full. @param {string} text */
  show(text) {
    for (const line of text.split("\n")) if (line !== "") console.log(`  ${this.#shown(line)}`);
  }

  async end({ keep = false } = {}) {
    await Promise.all(this.#registries.map(({ stop }) => stop()));
    if (keep) console.log(`kept: ${this.work}`);
    else rmSync(this.work, { recursive: true, force: true });
  }

  /** @param {string} text */
  #shown(text) {
    return text.replace(/(sha256[:-][0-9a-f]{12})[0-9a-f]{52}/g, "$1…");
  }

  /** Without the reader's own credentials and settings. @param {string} owner */
  #environment(owner) {
    const home = join(this.work, `home-${owner}`);
    mkdirSync(home, { recursive: true });
    const kept = Object.entries(process.env).filter(
      ([name]) => !/^(?:LADING_|IMGPKG_|REGISTRY_AUTH|XDG_)/.test(name),
    );
    return { ...Object.fromEntries(kept), HOME: home, DOCKER_CONFIG: home };
  }
}

/** Runs a program to its end and gives its output. @param {string} command @param {string[]} args @param {{ cwd?: string, env?: NodeJS.ProcessEnv, input?: string }} options @returns {Promise<string>} */
export function ran(command, args, { cwd = root, env = process.env, input = "" } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ["pipe", "pipe", "inherit"] });
    let output = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
    });
    child.stdin.on("error", () => {});
    child.stdin.end(input);
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`${[command, ...args].join(" ")} ended with ${code}`));
    });
  });
}

/** @param {keyof typeof users} user */
function basic(user) {
  return `Basic ${Buffer.from(`${user}:${users[user].password}`).toString("base64")}`;
}

/** Its host, once it listens. @param {import("node:child_process").ChildProcess} child @returns {Promise<string>} */
function listening(child) {
  return new Promise((resolve, reject) => {
    let said = "";
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`the registry ended: ${said}`)));
    child.stderr?.on("data", (chunk) => {
      said += chunk;
      const host = /http:\/\/(127\.0\.0\.1:\d+)/.exec(said)?.[1];
      if (host) resolve(host);
    });
  });
}

/** @param {import("node:child_process").ChildProcess} child @returns {Promise<void>} */
function stopped(child) {
  if (child.exitCode !== null) return Promise.resolve();
  child.kill("SIGTERM");
  return new Promise((resolve) => child.once("exit", () => resolve()));
}
