import { join } from "node:path";
import type { CredentialSource } from "../stores/registry/auth/credentials.ts";
import { authFileCredentials } from "../stores/registry/auth/docker-config.ts";
import type { Environment } from "./environment.ts";

/** What docker, podman and skopeo keep, and the helpers that their files name. */
export function storedCredentials(environment: Environment): CredentialSource {
  return authFileCredentials(credentialFiles(environment), { env: environment.variables });
}

/** docker's file, the one that is named, podman's while logged in, podman's lasting one. */
function credentialFiles({ variables, home }: Environment): readonly string[] {
  const runtime = variables["XDG_RUNTIME_DIR"];
  const config = variables["XDG_CONFIG_HOME"] || join(home, ".config");
  return [
    dockerConfigFile({ variables, home }),
    ...(variables["REGISTRY_AUTH_FILE"] ? [variables["REGISTRY_AUTH_FILE"]] : []),
    ...(runtime ? [join(runtime, "containers/auth.json")] : []),
    join(config, "containers/auth.json"),
  ];
}

function dockerConfigFile({ variables, home }: Pick<Environment, "variables" | "home">): string {
  return join(variables["DOCKER_CONFIG"] || join(home, ".docker"), "config.json");
}

/** Where `login` writes and `logout` erases: the file that is named, else docker's. */
export function loginFile({ variables, home }: Environment): string {
  return variables["REGISTRY_AUTH_FILE"] || dockerConfigFile({ variables, home });
}
