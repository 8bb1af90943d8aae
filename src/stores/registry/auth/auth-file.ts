import { randomBytes } from "node:crypto";
import { open, readFile, realpath, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { isLadingError, LadingError, systemCode } from "../../../errors.ts";
import { makeFolder } from "../../make-folder.ts";
import { quirksOf } from "../quirks.ts";
import type { Credential } from "./credentials.ts";

/** docker's `config.json` and podman's `auth.json`, with everything in them that is not ours. */
export interface AuthFile {
  readonly path: string;
  readonly json: Record<string, unknown>;
}

const largestFile = 8 * 1024 * 1024;

/** @returns undefined when there is no such file. @throws LadingError ERR_LADING_DOCUMENT, ERR_LADING_STORE */
export async function readAuthFile(path: string): Promise<AuthFile | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new LadingError("ERR_LADING_STORE", `cannot read the credentials file: ${code ?? "unknown"}`, {
      place: path,
      cause: error,
    });
  }
  if (text.length > largestFile) {
    throw new LadingError("ERR_LADING_LIMIT", "the credentials file is larger than 8 MiB", { place: path });
  }
  if (text.trim() === "") return { path, json: {} };
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // JSON's own message quotes the text around the mistake: that may be a secret.
    throw malformed(path, "it is not JSON");
  }
  if (!isRecord(json)) throw malformed(path, "it is not a JSON object");
  return { path, json };
}

function malformed(path: string, why: string): LadingError {
  return new LadingError("ERR_LADING_DOCUMENT", `cannot use the credentials file: ${why}`, {
    place: path,
    hint: "repair it, or move it away and log in again",
  });
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An own property that is a record of its own; an empty one else. */
export function recordIn(json: Readonly<Record<string, unknown>>, key: string): Record<string, unknown> {
  const value = Object.hasOwn(json, key) ? json[key] : undefined;
  return isRecord(value) ? value : {};
}

/**
 * A key of the file as `host` or `host/path`: without scheme, version and slash at the end, Docker Hub under its one name.
 */
export function normalizeKey(key: string): string {
  const bare = key.replace(/^https?:\/\//i, "").replace(/\/(?:v[12]\/?)?$/, "");
  const slash = bare.indexOf("/");
  const host = (slash < 0 ? bare : bare.slice(0, slash)).toLowerCase();
  const rest = slash < 0 ? "" : bare.slice(slash);
  return (host === "index.docker.io" || host === "registry-1.docker.io" ? "docker.io" : host) + rest;
}

/** The key under which docker keeps a registry's credential. */
export function keyFor(registry: string): string {
  return quirksOf(registry).credentialKeys?.[0] ?? registry;
}

/** Reads `auths[key]`. @returns undefined when it holds nothing */
export function credentialOf(entry: unknown): Credential | undefined {
  if (!isRecord(entry)) return undefined;
  const text = (key: string): string | undefined => {
    const value = Object.hasOwn(entry, key) ? entry[key] : undefined;
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const encoded = text("auth");
  // docker itself pads with NUL.
  const decoded =
    encoded === undefined ? "" : Buffer.from(encoded, "base64").toString("utf8").replace(/\0+$/, "");
  const colon = decoded.indexOf(":");
  const username = colon > 0 ? decoded.slice(0, colon) : text("username");
  const password = colon > 0 ? decoded.slice(colon + 1) : text("password");
  const identityToken = text("identitytoken");
  const registryToken = text("registrytoken");
  if (username === undefined && identityToken === undefined && registryToken === undefined) return undefined;
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(identityToken === undefined ? {} : { identityToken }),
    ...(registryToken === undefined ? {} : { registryToken }),
  };
}

/** How `auths[key]` holds a credential. */
export function entryOf(credential: Credential): Record<string, string> {
  const { username = "", password = "", identityToken, registryToken } = credential;
  return {
    ...(username === "" ? {} : { auth: Buffer.from(`${username}:${password}`).toString("base64") }),
    ...(identityToken === undefined ? {} : { identitytoken: identityToken }),
    ...(registryToken === undefined ? {} : { registrytoken: registryToken }),
  };
}

/** Replaces the file whole, readable by its owner only. A link stays a link. @throws LadingError ERR_LADING_STORE */
export async function writeAuthFile({ path, json }: AuthFile): Promise<void> {
  const target = await realpath(path).catch(() => path);
  const temporary = `${target}.${randomBytes(6).toString("hex")}`;
  try {
    await makeFolder(dirname(target), 0o700);
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(`${JSON.stringify(json, null, "\t")}\n`);
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    if (isLadingError(error)) throw error;
    throw new LadingError(
      "ERR_LADING_STORE",
      `cannot write the credentials file: ${systemCode(error) ?? "unknown"}`,
      {
        place: path,
        cause: error,
      },
    );
  }
}
