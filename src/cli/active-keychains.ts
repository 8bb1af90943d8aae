import { LadingError } from "../errors.ts";
import type { KeychainName } from "../stores/registry/auth/keychains/keychains.ts";
import { ownVariable, type Variables } from "./environment.ts";

const known: readonly KeychainName[] = ["aks", "ecr", "gke", "github"];

/**
 * The clouds' keychains that the environment switches on, in the order in which they are asked:
 * `LADING_ACTIVE_KEYCHAINS` or `IMGPKG_ACTIVE_KEYCHAINS` lists them, `IMGPKG_ENABLE_IAAS_AUTH=true` means all.
 * @throws LadingError ERR_LADING_USAGE for a name that is none of them
 */
export function activeKeychains(variables: Variables): readonly KeychainName[] {
  const listed = ownVariable(variables, "ACTIVE_KEYCHAINS");
  if (listed === undefined) {
    return variables["IMGPKG_ENABLE_IAAS_AUTH"] === "true" ? ["gke", "ecr", "aks", "github"] : [];
  }
  const names = listed.split(",").map((name) => name.trim());
  return [...new Set(names.filter((name) => name !== "").map(keychainName))];
}

function keychainName(name: string): KeychainName {
  const found = known.find((candidate) => candidate === name);
  if (found !== undefined) return found;
  throw new LadingError(
    "ERR_LADING_USAGE",
    `Creating registry keychain: Unable to load keychain for ${name}, available keychains [${known.join(", ")}]`,
  );
}
