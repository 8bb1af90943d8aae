import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { rootCertificates } from "node:tls";
import packageJson from "../../package.json" with { type: "json" };
import { LadingError } from "../errors.ts";
import {
  type Credential,
  type CredentialSource,
  chainCredentials,
  explicitCredential,
} from "../stores/registry/auth/credentials.ts";
import type { RegistryClientOptions } from "../stores/registry/client.ts";
import type { Context, OptionsOf } from "./command.ts";
import { type Environment, ownVariable } from "./environment.ts";
import { environmentCredentials } from "./environment-credentials.ts";
import { storedCredentials } from "./stored-credentials.ts";
import type { registryOptions } from "./tree/common.ts";

/** The `--registry-*` flags after parsing. */
export type RegistryFlags = OptionsOf<{
  path: [];
  summary: "";
  examples: [];
  options: typeof registryOptions;
}>;

/**
 * What a registry client is made with: from flags first, then from the environment, then from files.
 * @param named the registries that the call names, as they become known: only with these may it be insecure, and only
 * they see a client certificate, no host that one of them leads to
 */
export function clientOptions(
  flags: RegistryFlags,
  context: Context,
  named: ReadonlySet<string>,
): RegistryClientOptions {
  const { environment } = context;
  const { variables } = environment;
  const ca = authorities(flags.registryCaCertPath, environment);
  const everywhere = ca === undefined ? {} : { ca };
  const whereNamed = {
    ...everywhere,
    ...clientCertificate(flags, environment),
    ...(flags.registryInsecure ? { plainHttp: "fallback" as const } : {}),
    ...(flags.registryVerifyCerts ? {} : { insecure: true }),
  };
  const http = variables["http_proxy"] || variables["HTTP_PROXY"];
  const https = variables["https_proxy"] || variables["HTTPS_PROXY"];
  const no = variables["no_proxy"] || variables["NO_PROXY"];
  return {
    credentials: credentialsFor(flags, environment),
    hosts: (host) => (named.has(host) ? whereNamed : everywhere),
    proxy: {
      ...(http ? { http } : {}),
      ...(https ? { https } : {}),
      ...(no ? { no } : {}),
    },
    retry: { attempts: Math.max(1, flags.registryRetryCount) },
    headersTimeoutMs: flags.registryResponseHeaderTimeout,
    stateDir: stateFolder(environment),
    userAgent: `lading/${packageJson.version}`,
    on: context.on,
    ...(context.concurrency === undefined ? {} : { concurrencyPerHost: Math.max(context.concurrency, 2) }),
  };
}

/** imgpkg's order: variables for one registry, then flags and plain variables, then files and their helpers. */
export function credentialsFor(flags: RegistryFlags, environment: Environment): CredentialSource {
  const sources = [environmentCredentials(environment.variables)];
  const given = givenCredential(flags, environment);
  if (given !== undefined) sources.push(explicitCredential(given));
  else sources.push(storedCredentials(environment));
  return chainCredentials(...sources);
}

/** Merged field by field, the flag first: a user name wins over a token, and that over being anonymous. */
function givenCredential(flags: RegistryFlags, { variables }: Environment): Credential | undefined {
  const username = flags.registryUsername || ownVariable(variables, "USERNAME");
  const password = flags.registryPassword || ownVariable(variables, "PASSWORD");
  const token = flags.registryToken || ownVariable(variables, "TOKEN");
  if (username !== undefined) return { username, password: password ?? "" };
  if (token !== undefined) return { registryToken: token };
  // An empty credential keeps later sources from being asked.
  return flags.registryAnon || ownVariable(variables, "ANON") === "true" ? {} : undefined;
}

/** PEM of the system's authorities and of those that were named; undefined leaves it to Node. */
function authorities(paths: readonly string[], environment: Environment): readonly string[] | undefined {
  const named = paths.map((path) => readCertificates(resolve(environment.cwd, path)));
  const system = environment.variables["SSL_CERT_FILE"];
  if (system) named.push(readCertificates(system));
  return named.length === 0 ? undefined : [...rootCertificates, ...named];
}

/** What the registries of this call see of the client, and nobody that they lead to. */
function clientCertificate(
  { registryClientCertPath: cert, registryClientKeyPath: key }: RegistryFlags,
  { cwd }: Environment,
): { readonly cert?: string; readonly key?: string } {
  if (cert === undefined && key === undefined) return {};
  if (cert === undefined) {
    throw new LadingError("ERR_LADING_USAGE", "--registry-client-key-path needs --registry-client-cert-path");
  }
  const path = resolve(cwd, cert);
  return {
    cert: readCertificates(path),
    key: readFileSync(key === undefined ? path : resolve(cwd, key), "utf8"),
  };
}

function readCertificates(path: string): string {
  const text = readFileSync(path, "utf8");
  if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  throw new LadingError("ERR_LADING_USAGE", "there is no certificate in the file", {
    place: path,
    hint: "it must be in PEM, with -----BEGIN CERTIFICATE-----",
  });
}

/** Where unfinished uploads are remembered, as the XDG base directories say. */
function stateFolder({ variables, home }: Environment): string {
  return (
    ownVariable(variables, "STATE_DIR") ??
    join(variables["XDG_STATE_HOME"] || join(home, ".local/state"), "lading")
  );
}
