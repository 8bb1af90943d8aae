import {
  type AuthFile,
  entryOf,
  keyFor,
  normalizeKey,
  readAuthFile,
  recordIn,
  writeAuthFile,
} from "./auth-file.ts";
import type { Credential } from "./credentials.ts";
import { eraseWithHelper, type HelperOptions, storeWithHelper } from "./helper.ts";

/**
 * Keeps a credential where docker, podman and skopeo look: with the helper that the file names for this host or for all,
 * else in the file itself.
 * @returns where it is kept, for people
 * @throws LadingError ERR_LADING_STORE, ERR_LADING_DOCUMENT, ERR_LADING_UNAUTHORIZED
 */
export async function storeLogin(
  path: string,
  registry: string,
  credential: Credential,
  options: HelperOptions = {},
): Promise<string> {
  const file = (await readAuthFile(path)) ?? { path, json: {} };
  const helper = helperFor(file, registry);
  const key = keyFor(registry);
  const auths = without(recordIn(file.json, "auths"), registry);
  if (helper !== undefined) await storeWithHelper(helper, key, credential, options);
  // With a helper docker leaves an empty entry: so does it know where it is logged in.
  const entry = helper === undefined ? entryOf(credential) : {};
  await writeAuthFile({ path, json: { ...file.json, auths: { ...auths, [key]: entry } } });
  return helper === undefined ? path : `docker-credential-${helper}`;
}

/** Forgets a registry's credential. @returns false when there was none in this file */
export async function eraseLogin(
  path: string,
  registry: string,
  options: HelperOptions = {},
): Promise<boolean> {
  const file = await readAuthFile(path);
  if (file === undefined) return false;
  const before = recordIn(file.json, "auths");
  const auths = without(before, registry);
  const helper = helperFor(file, registry);
  const known = Object.keys(auths).length < Object.keys(before).length;
  if (helper !== undefined) await eraseWithHelper(helper, keyFor(registry), options);
  if (known) await writeAuthFile({ path, json: { ...file.json, auths } });
  return known || helper !== undefined;
}

/** All entries but those of the registry itself, however they are written; those of its paths stay. */
function without(auths: Readonly<Record<string, unknown>>, registry: string): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(auths).filter(([key]) => normalizeKey(key) !== normalizeKey(registry)),
  );
}

function helperFor({ json }: AuthFile, registry: string): string | undefined {
  const named = Object.entries(recordIn(json, "credHelpers")).find(
    ([key]) => normalizeKey(key) === normalizeKey(registry),
  )?.[1];
  const helper = named ?? json["credsStore"];
  return typeof helper === "string" && helper !== "" ? helper : undefined;
}
