import type { Keychain, KeychainContext } from "./keychain.ts";

/** GitHub's registry with the token that its workflows have. */
export function githubKeychain({ variables }: KeychainContext): Keychain {
  return {
    serves: (registry) => registry === "ghcr.io",
    ways: [
      {
        name: "GITHUB_TOKEN",
        get: async () => {
          const password = variables["GITHUB_TOKEN"];
          if (!password) return undefined;
          return { username: variables["GITHUB_ACTOR"] || "unset", password };
        },
      },
    ],
  };
}
