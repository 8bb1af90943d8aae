import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { rootCertificates } from "node:tls";
import packageJson from "../../package.json" with { type: "json" };
import { LadingError, systemCode } from "../errors.ts";
import {
  type Credential,
  type CredentialSource,
  chainCredentials,
} from "../stores/registry/auth/credentials.ts";
import type { KeychainName } from "../stores/registry/auth/keychains/keychains.ts";
import type { RegistryClientOptions } from "../stores/registry/client.ts";
import type { ProxyOptions } from "../stores/registry/http/proxy.ts";
import type { HostOptions } from "../stores/registry/http/tls.ts";
import { activeKeychains } from "./active-keychains.ts";
import type { Context, OptionsOf } from "./command.ts";
import { type Environment, ownVariable, type Variables } from "./environment.ts";
import { environmentCredentials } from "./environment-credentials.ts";
import { storedCredentials } from "./stored-credentials.ts";
import { systemReason } from "./system-error.ts";
import type { registryOptions } from "./tree/common.ts";

/** The `--registry-*` flags after parsing. */
export type RegistryFlags = OptionsOf<{
  path: [];
  summary: "";
  examples: [];
  options: typeof registryOptions;
}>;

/** The registries of one call, as they become known. */
export interface CallRegistries {
  /** Named on the command line: they get the credentials that flags and plain variables give, and the client certificate. */
  readonly named: ReadonlySet<string>;
  /** Those, and the ones that documents name, such as a bundle's lock: with all of them the call may be insecure. */
  readonly all: ReadonlySet<string>;
}

/**
 * What a registry client is made with: from flags first, then from the environment, then from files. Hosts that a
 * registry leads to (token services, redirects) get nothing of it but trusted authorities.
 * @throws LadingError ERR_LADING_USAGE, ERR_LADING_NOT_FOUND for files of flags
 */
export function clientOptions(
  flags: RegistryFlags,
  context: Context,
  registries: CallRegistries,
): RegistryClientOptions {
  const { environment } = context;
  const { variables } = environment;
  const ca = authorities(flags.registryCaCertPath, environment);
  const everywhere = ca === undefined ? {} : { ca };
  const ofCall = {
    ...everywhere,
    ...(flags.registryInsecure ? { plainHttp: "fallback" as const } : {}),
    ...(flags.registryVerifyCerts ? {} : { insecure: true }),
  };
  const whereNamed = { ...ofCall, ...clientCertificate(flags, environment) };
  return {
    credentials: credentialsFor(flags, context, registries.named, everywhere),
    hosts: (host) =>
      registries.named.has(host) ? whereNamed : registries.all.has(host) ? ofCall : everywhere,
    proxy: proxyOf(variables),
    retry: { attempts: Math.max(1, flags.registryRetryCount) },
    headersTimeoutMs: flags.registryResponseHeaderTimeout,
    stateDir: stateFolder(environment),
    userAgent: `lading/${packageJson.version}`,
    on: context.on,
    ...(context.concurrency === undefined ? {} : { concurrencyPerHost: Math.max(context.concurrency, 2) }),
  };
}

/**
 * In imgpkg's order: variables for one registry, the keychains that are switched on, flags and plain variables, then
 * files and their helpers. Flags and plain variables name no registry, so theirs are for those that the call names: what
 * a bundle's lock says must not decide who sees a password.
 */
function credentialsFor(
  flags: RegistryFlags,
  context: Context,
  named: ReadonlySet<string>,
  tls: HostOptions,
): CredentialSource {
  const { environment } = context;
  const keychains = activeKeychains(environment.variables);
  return chainCredentials(
    environmentCredentials(environment.variables),
    ...(keychains.length === 0 ? [] : [keychainSource(keychains, context, tls)]),
    givenCredentials(flags, environment, named),
    storedCredentials(environment),
  );
}

/** The keychains' code is read when the first registry asks for it. */
function keychainSource(
  names: readonly KeychainName[],
  { environment, on }: Context,
  tls: HostOptions,
): CredentialSource {
  const { variables, home } = environment;
  let loaded: Promise<CredentialSource> | undefined;
  return {
    find: async (registry, repository, signal) => {
      loaded ??= import("../stores/registry/auth/keychains/keychains.ts").then(({ keychainCredentials }) =>
        keychainCredentials(names, { variables, home, proxy: proxyOf(variables), tls, on }),
      );
      return (await loaded).find(registry, repository, signal);
    },
  };
}

/** Merged field by field, the flag first: a user name wins over a token, and that over being anonymous. */
function givenCredentials(
  flags: RegistryFlags,
  { variables }: Environment,
  named: ReadonlySet<string>,
): CredentialSource {
  const username = flags.registryUsername || ownVariable(variables, "USERNAME");
  const password = flags.registryPassword || ownVariable(variables, "PASSWORD");
  const token = flags.registryToken || ownVariable(variables, "TOKEN");
  const isAnonymous = flags.registryAnon || ownVariable(variables, "ANON") === "true";
  // An empty credential keeps later sources from being asked.
  const nobody: Credential = {};
  return {
    find: async (registry) => {
      if (username !== undefined || token !== undefined) {
        if (!named.has(registry)) return undefined;
        if (username === undefined) return token === undefined ? undefined : { registryToken: token };
        // A name alone proves nothing, and imgpkg does not send it.
        return password === undefined ? nobody : { username, password };
      }
      return isAnonymous ? nobody : undefined;
    },
  };
}

function proxyOf(variables: Variables): ProxyOptions {
  const http = variables["http_proxy"] || variables["HTTP_PROXY"];
  const https = variables["https_proxy"] || variables["HTTPS_PROXY"];
  const no = variables["no_proxy"] || variables["NO_PROXY"];
  return {
    ...(http ? { http } : {}),
    ...(https ? { https } : {}),
    ...(no ? { no } : {}),
  };
}

/** PEM of the system's authorities and of those that were named; undefined leaves it to Node. */
function authorities(paths: readonly string[], environment: Environment): readonly string[] | undefined {
  const named = paths.map((path) => readAuthorities(path, environment));
  const system = environment.variables["SSL_CERT_FILE"];
  if (system) named.push(readCertificates(system));
  const folders = (environment.variables["SSL_CERT_DIR"] ?? "").split(":").filter((path) => path !== "");
  named.push(...folders.flatMap(certificatesIn));
  return named.length === 0 ? undefined : [...rootCertificates, ...named];
}

/** As Go reads them: what is absent or no certificate is passed over. */
function certificatesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      if (entry.isDirectory()) return [];
      const text = readFileSync(join(folder, entry.name), "utf8");
      return isPem(text) ? [text] : [];
    });
  } catch {
    return [];
  }
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

/** With imgpkg's sentences. */
function readAuthorities(path: string, { cwd }: Environment): string {
  const creating = "Creating registry HTTP transport";
  let text: string;
  try {
    text = readFileSync(resolve(cwd, path), "utf8");
  } catch (error) {
    throw new LadingError(
      systemCode(error) === "ENOENT" ? "ERR_LADING_NOT_FOUND" : "ERR_LADING_STORE",
      `${creating}: Reading CA certificates from '${path}': open ${path}: ${systemReason(error)}`,
      { hint: "check --registry-ca-cert-path", cause: error },
    );
  }
  if (isPem(text)) return text;
  throw new LadingError("ERR_LADING_USAGE", `${creating}: Adding CA certificates from '${path}': failed`, {
    hint: "it must be in PEM, with -----BEGIN CERTIFICATE-----",
  });
}

function isPem(text: string): boolean {
  return text.includes("-----BEGIN CERTIFICATE-----");
}

function readCertificates(path: string): string {
  const text = readFileSync(path, "utf8");
  if (isPem(text)) return text;
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
