import { getFromHelper } from "../helper.ts";
import type { KeychainContext, KeychainWay } from "./keychain.ts";

/** The cloud's own `docker-credential-<name>`, for ways to log in that only its tools know. */
export function helperWay(name: string, { variables }: KeychainContext): KeychainWay {
  return {
    name: `docker-credential-${name}`,
    get: (registry) => getFromHelper(name, registry, { env: variables }),
  };
}
