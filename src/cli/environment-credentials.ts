import { LadingError } from "../errors.ts";
import type { Credential, CredentialSource } from "../stores/registry/auth/credentials.ts";
import type { Variables } from "./environment.ts";

/** What a group of variables says about one registry, or several by a pattern. */
interface HostCredential {
  /** Labels of the host, each a shell pattern. */
  readonly labels: readonly RegExp[];
  readonly port: string;
  readonly path: string;
  /** Host and path, for the order. */
  readonly key: string;
  readonly credential: Credential;
}

const fields = {
  HOSTNAME: "host",
  USERNAME: "username",
  PASSWORD: "password",
  IDENTITY_TOKEN: "identityToken",
  REGISTRY_TOKEN: "registryToken",
} as const;

/**
 * Credentials from `LADING_REGISTRY_HOSTNAME[_<suffix>]`, `…_USERNAME…`, `…_PASSWORD…`, `…_IDENTITY_TOKEN…` and
 * `…_REGISTRY_TOKEN…`, and the same with `IMGPKG_`: the suffix groups what belongs together. A hostname may have patterns
 * (`*.example.com`) and a path; the longest path wins.
 * @throws LadingError ERR_LADING_USAGE for a variable of that form which means nothing: a typo would send no credentials
 */
export function environmentCredentials(variables: Variables): CredentialSource {
  const known = ["LADING", "IMGPKG"].flatMap((prefix) => hostCredentials(variables, `${prefix}_REGISTRY_`));
  return {
    find: async (registry, repository) =>
      known.find((candidate) => fits(candidate, registry, repository))?.credential,
  };
}

function hostCredentials(variables: Variables, prefix: string): HostCredential[] {
  const groups = new Map<string, Record<string, string>>();
  for (const [name, value] of Object.entries(variables)) {
    if (!name.startsWith(prefix) || value === undefined) continue;
    const rest = name.slice(prefix.length);
    // imgpkg leaves this one to Azure's library.
    if (rest.startsWith("AZURE_CR_CONFIG")) continue;
    const field = Object.keys(fields).find((key) => rest === key || rest.startsWith(`${key}_`));
    if (field === undefined) {
      throw new LadingError(
        "ERR_LADING_USAGE",
        `Unable retrieve credentials for registry: Unknown env variable '${name}'`,
        {
          hint: `after ${prefix} stands one of ${Object.keys(fields).join(", ")}, then a suffix of your own`,
        },
      );
    }
    const suffix = rest.slice(field.length);
    const group = groups.get(suffix) ?? {};
    group[fields[field as keyof typeof fields]] = value;
    groups.set(suffix, group);
  }
  return [...groups.values()]
    .filter((group) => group["host"] !== undefined && group["host"] !== "")
    .map(({ host = "", ...credential }) => ({ ...pattern(host), credential }))
    .sort((a, b) => (a.key < b.key ? 1 : -1));
}

function pattern(written: string): Omit<HostCredential, "credential"> {
  const bare = written.replace(/^https?:\/\//, "");
  const slash = bare.indexOf("/");
  const host = slash < 0 ? bare : bare.slice(0, slash);
  const path = slash < 0 ? "" : bare.slice(slash + 1).replace(/^v[12]\/?/, "");
  const [, name = host, port = ""] = /^(.*?)(?::(\d+))?$/.exec(normalized(host)) ?? [];
  return {
    labels: name.split(".").map(labelPattern),
    port,
    path: path.replace(/\/+$/, ""),
    key: `${host}/${path}`,
  };
}

function labelPattern(label: string): RegExp {
  const escaped = label
    .replace(/[.+^${}()|\\]/g, "\\$&")
    .replaceAll("*", "[^.]*")
    .replaceAll("?", "[^.]");
  try {
    return new RegExp(`^${escaped}$`, "i");
  } catch (error) {
    throw new LadingError("ERR_LADING_USAGE", `not a pattern for a host: '${label}'`, { cause: error });
  }
}

/** The names of Docker Hub are one registry. */
function normalized(host: string): string {
  return host === "index.docker.io" || host === "registry-1.docker.io" ? "docker.io" : host;
}

function fits({ labels, port, path }: HostCredential, registry: string, repository: string): boolean {
  const [, name = registry, actualPort = ""] = /^(.*?)(?::(\d+))?$/.exec(registry) ?? [];
  const parts = name.split(".");
  return (
    actualPort === port &&
    parts.length === labels.length &&
    labels.every((label, i) => label.test(parts[i] ?? "")) &&
    (path === "" || repository === path || repository.startsWith(`${path}/`))
  );
}
