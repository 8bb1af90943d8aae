import { type AuthFile, credentialOf, keyFor, normalizeKey, readAuthFile, recordIn } from "./auth-file.ts";
import type { Credential, CredentialSource } from "./credentials.ts";
import { getFromHelper, type HelperOptions } from "./helper.ts";

/**
 * Credentials as docker, podman and skopeo keep them. In each file, in turn: the helper that is named for the host, what
 * the file itself holds (the longest path wins), the helper for all hosts. Hosts are compared whole, never in part.
 * @param paths files in their order; absent ones are passed over
 */
export function authFileCredentials(
  paths: readonly string[],
  options: Pick<HelperOptions, "env"> = {},
): CredentialSource {
  const files = new Map<string, Promise<AuthFile | undefined>>();
  return {
    find: async (registry, repository, signal) => {
      for (const path of paths) {
        const reading = files.get(path) ?? readAuthFile(path);
        files.set(path, reading);
        const file = await reading;
        const helper = { ...options, ...(signal === undefined ? {} : { signal }) };
        const found = file === undefined ? undefined : await findIn(file, registry, repository, helper);
        if (found !== undefined) return found;
      }
      return undefined;
    },
  };
}

async function findIn(
  { json }: AuthFile,
  registry: string,
  repository: string,
  options: HelperOptions,
): Promise<Credential | undefined> {
  const wanted = keysFor(registry, repository);
  const helpers = byKey(recordIn(json, "credHelpers"));
  const named = wanted
    .map((key) => helpers.get(key))
    .find((helper) => typeof helper === "string" && helper !== "");
  if (typeof named === "string") {
    const found = await getFromHelper(named, keyFor(registry), options);
    if (found !== undefined) return found;
  }
  const entries = byKey(recordIn(json, "auths"));
  for (const key of wanted) {
    const found = credentialOf(entries.get(key));
    if (found !== undefined) return found;
  }
  const store = json["credsStore"];
  return typeof store === "string" && store !== ""
    ? getFromHelper(store, keyFor(registry), options)
    : undefined;
}

/** `host/a/b`, `host/a`, `host`. */
function keysFor(registry: string, repository: string): readonly string[] {
  const parts = repository === "" ? [] : repository.split("/");
  const paths = parts.map((_, i) => `/${parts.slice(0, parts.length - i).join("/")}`);
  return [...paths, ""].map((path) => normalizeKey(registry) + path);
}

function byKey(record: Readonly<Record<string, unknown>>): ReadonlyMap<string, unknown> {
  const map = new Map<string, unknown>();
  for (const [key, value] of Object.entries(record)) {
    const normal = normalizeKey(key);
    // Of several ways to write a host, the plain one counts most.
    if (!map.has(normal) || key === normal) map.set(normal, value);
  }
  return map;
}
