/** The clouds' keychains as one source of credentials. */
import { messageOf } from "../../../../errors.ts";
import type { EventListener } from "../../../../events.ts";
import { type Clock, systemClock } from "../../http/clock.ts";
import type { ProxyOptions } from "../../http/proxy.ts";
import { createRedactor } from "../../http/redact.ts";
import type { HostOptions } from "../../http/tls.ts";
import type { Credential, CredentialSource } from "../credentials.ts";
import { type AzureEndpoints, aksKeychain } from "./aks.ts";
import { type AwsEndpoint, ecrKeychain } from "./ecr.ts";
import { githubKeychain } from "./github.ts";
import { type GoogleEndpoints, gkeKeychain } from "./gke.ts";
import type { Keychain, KeychainContext, LentCredential } from "./keychain.ts";
import { createTokenServers } from "./token-servers.ts";

export type KeychainName = "aks" | "ecr" | "gke" | "github";

export interface KeychainOptions {
  /** The environment: where each cloud's own tools look, too. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly proxy?: ProxyOptions;
  /** For the token servers: authorities to trust. */
  readonly tls?: HostOptions;
  /** Gets a `debug` event for each way that did not work. */
  readonly on?: EventListener;
  readonly clock?: Clock;
  /** The clouds' own when left out. */
  readonly endpoints?: {
    readonly google?: Partial<GoogleEndpoints>;
    readonly azure?: Partial<AzureEndpoints>;
    readonly aws?: AwsEndpoint;
  };
}

/**
 * Credentials for the registries of clouds. Each keychain has several ways; one that is not set up or fails leaves it to
 * the next, then to the next keychain, and in the end to whatever source comes after. Nothing is asked for registries of
 * others.
 * @param names in the order in which they are asked
 */
export function keychainCredentials(
  names: readonly KeychainName[],
  options: KeychainOptions,
): CredentialSource {
  const clock = options.clock ?? systemClock;
  const context: KeychainContext = {
    variables: options.variables,
    home: options.home,
    servers: createTokenServers(options.proxy, options.tls ?? {}),
    clock,
    on: options.on ?? (() => {}),
  };
  const keychains = names.map((name) => ({ name, keychain: keychainOf(name, context, options.endpoints) }));
  /** By keychain and registry: many repositories ask at the same time, and no single caller ends it for the others. */
  const found = new Map<string, Promise<Credential | undefined>>();
  const find = async (
    name: string,
    keychain: Keychain,
    registry: string,
  ): Promise<Credential | undefined> => {
    const key = `${name} ${registry}`;
    const before = found.get(key);
    const known = await before;
    const hasEnded = known?.askAgainAt !== undefined && known.askAgainAt <= clock.now();
    // Another caller may have begun to ask meanwhile.
    if (hasEnded && found.get(key) === before) found.delete(key);
    const asking = found.get(key) ?? askWays(name, keychain, registry, context);
    found.set(key, asking);
    return asking;
  };
  return {
    find: async (registry) => {
      for (const { name, keychain } of keychains) {
        const credential = keychain.serves(registry) ? await find(name, keychain, registry) : undefined;
        if (credential !== undefined) return credential;
      }
      return undefined;
    },
  };
}

function keychainOf(
  name: KeychainName,
  context: KeychainContext,
  endpoints: KeychainOptions["endpoints"] = {},
): Keychain {
  switch (name) {
    case "aks":
      return aksKeychain(context, endpoints.azure);
    case "ecr":
      return ecrKeychain(context, endpoints.aws);
    case "gke":
      return gkeKeychain(context, endpoints.google);
    case "github":
      return githubKeychain(context);
  }
}

async function askWays(
  name: string,
  keychain: Keychain,
  registry: string,
  context: KeychainContext,
): Promise<Credential | undefined> {
  const say = (message: string) =>
    context.on({ type: "debug", message: `keychain ${name} for ${registry}: ${message}` });
  const secrets = createRedactor();
  for (const [variable, value] of Object.entries(context.variables)) {
    if (/SECRET|TOKEN|PASSWORD|KEY/i.test(variable)) secrets.add(value);
  }
  for (const way of keychain.ways) {
    try {
      const credential = await way.get(registry);
      say(`${way.name} ${credential === undefined ? "knows nothing" : "gives a credential"}`);
      if (credential !== undefined) return lent(credential, context.clock.now());
    } catch (error) {
      say(`${way.name} failed: ${secrets.text(messageOf(error))}`);
    }
  }
  return undefined;
}

const longestMarginMs = 5 * 60 * 1000;

/** A token is not used in the last minutes of its life: what is begun with it should end with it. */
function lent({ endsAt, ...credential }: LentCredential, now: number): Credential {
  if (endsAt === undefined) return credential;
  return { ...credential, askAgainAt: endsAt - Math.min(longestMarginMs, Math.max(0, endsAt - now) / 5) };
}
