import { LadingError } from "../../errors.ts";
import type { EventListener } from "../../events.ts";
import { isRepositoryPath } from "../../spec/reference.ts";
import type { RepositoryLocation } from "../store.ts";
import { createAuthorizer } from "./auth/authorizer.ts";
import { anonymous, type Credential, type CredentialSource, explicitCredential } from "./auth/credentials.ts";
import { type Clock, systemClock } from "./http/clock.ts";
import { createExchange, type Exchange } from "./http/exchange.ts";
import { createHostLimiter, type HostLimiter } from "./http/limiter.ts";
import type { ProxyOptions } from "./http/proxy.ts";
import { createRedactor } from "./http/redact.ts";
import { defaultRetryPolicy, type RetryPolicy } from "./http/retry.ts";
import { type HostOptions, type HostSettings, schemeOf } from "./http/tls.ts";
import { createTransport } from "./http/transport.ts";
import { createMemo } from "./memo.ts";
import { quirksOf } from "./quirks.ts";
import { RegistryStore } from "./repository.ts";
import { createSession, type RegistryFeatures } from "./session.ts";
import { createUploadJournal } from "./upload-journal.ts";

export interface RegistryClientOptions {
  /** Default: anonymous. */
  readonly credentials?: CredentialSource;
  /** How to speak with each host (`host[:port]`): TLS, certificates, plain http. */
  readonly hosts?: (host: string) => HostOptions | undefined;
  readonly proxy?: ProxyOptions;
  readonly retry?: Partial<RetryPolicy>;
  /** Requests that one host gets at once, of each kind (short ones, downloads, uploads). Default 6. */
  readonly concurrencyPerHost?: number;
  /** Folder for the state of unfinished uploads; without it they are not resumed by another process. */
  readonly stateDir?: string;
  readonly userAgent?: string;
  /** Token services on other domains that may get a registry's credentials. */
  readonly trustedRealms?: readonly string[];
  /** `debug`, `retrying` and `warning` of the client itself. */
  readonly on?: EventListener;
  /** Milliseconds until a connection stands. Default 15 s. */
  readonly connectTimeoutMs?: number;
  /** Milliseconds until the headers of an answer; the end of uploads gets 5 min. Default 60 s. */
  readonly headersTimeoutMs?: number;
  /** Longest silence within a body. Default 90 s. */
  readonly bodyTimeoutMs?: number;
  readonly clock?: Clock;
}

/** Talks to registries: one per run, so that connections, tokens, limits and what is known of repositories are shared. */
export interface RegistryClient {
  /** The same store for the same repository. @throws LadingError ERR_LADING_REFERENCE */
  repository(location: RepositoryLocation): RegistryStore;
  /** Asks whether the registry takes this credential. @throws LadingError ERR_LADING_UNAUTHORIZED */
  checkLogin(registry: string, credential: Credential, signal?: AbortSignal): Promise<void>;
  /** Ends all connections. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const defaultConcurrency = 6;

/** Makes a client. Nothing is opened or loaded before the first request. */
export function createRegistryClient(options: RegistryClientOptions = {}): RegistryClient {
  const clock = options.clock ?? systemClock;
  const redactor = createRedactor();
  const on: EventListener = options.on ?? (() => {});
  const given = options.hosts ?? (() => undefined);
  /** Settings for a registry's name hold for the host that answers for it, too. */
  const endpoints = new Map<string, string>();
  const hosts: HostSettings = (host) => ({ ...given(endpoints.get(host) ?? host), ...given(host) });
  const userAgent = options.userAgent ?? "lading";
  const trustedRealms = options.trustedRealms ?? [];
  const retry: RetryPolicy = { ...defaultRetryPolicy, ...options.retry };
  const transport = createTransport({
    hosts,
    ...(options.proxy === undefined ? {} : { proxy: options.proxy }),
    ...(options.connectTimeoutMs === undefined ? {} : { connectTimeoutMs: options.connectTimeoutMs }),
    ...(options.headersTimeoutMs === undefined ? {} : { headersTimeoutMs: options.headersTimeoutMs }),
    ...(options.bodyTimeoutMs === undefined ? {} : { bodyTimeoutMs: options.bodyTimeoutMs }),
  });
  const limiters = new Map<string, HostLimiter>();
  const limiter = (registry: string): HostLimiter =>
    once(limiters, registry, () =>
      createHostLimiter(options.concurrencyPerHost ?? defaultConcurrency, clock),
    );
  const bases = new Map<string, Promise<URL>>();
  const features = new Map<string, RegistryFeatures>();
  const stores = new Map<string, RegistryStore>();

  const base = (registry: string): Promise<URL> => {
    const found = once(bases, registry, () => {
      const host = quirksOf(registry).endpoint ?? registry;
      endpoints.set(host, registry);
      return schemeOf(host, hosts(host) ?? {}).then((scheme) => new URL(`${scheme}://${host}/`));
    });
    found.catch(() => bases.delete(registry));
    return found;
  };

  const exchangeWith = (
    credentials: CredentialSource,
  ): { exchange: Exchange; authorizer: ReturnType<typeof createAuthorizer> } => {
    const authorizer = createAuthorizer(credentials, trustedRealms, {
      transport,
      redactor,
      clock,
      userAgent,
      on,
    });
    return {
      authorizer,
      exchange: createExchange({ transport, authorizer, limiter, retry, clock, redactor, userAgent, on }),
    };
  };
  const { exchange, authorizer } = exchangeWith(options.credentials ?? anonymous);

  const repository = ({ registry, repository: path }: RepositoryLocation): RegistryStore => {
    if (!isRepositoryPath(path) || !isHost(registry)) {
      throw new LadingError(
        "ERR_LADING_REFERENCE",
        `not a repository: ${JSON.stringify(`${registry}/${path}`)}`,
      );
    }
    const label = `${registry}/${path}`;
    const quirks = quirksOf(registry);
    return once(
      stores,
      label,
      () =>
        new RegistryStore(
          createSession({
            registry,
            repository: path,
            quirks,
            exchange,
            memo: createMemo(),
            journal:
              options.stateDir === undefined ? undefined : createUploadJournal(options.stateDir, label),
            on,
            features: once(features, registry, () => ({
              referrersApi: quirks.noReferrersApi === true ? false : undefined,
            })),
            base: () => base(registry),
            sameCredential: async (other, signal) =>
              sameCredential(
                await authorizer.credential({ registry, repository: path }, signal),
                await authorizer.credential({ registry, repository: other }, signal),
              ),
          }),
        ),
    );
  };

  const close = (): Promise<void> => transport.close();

  return {
    repository,
    checkLogin: async (registry, credential, signal) => {
      const own = exchangeWith(explicitCredential(credential));
      const url = new URL("/v2/", await base(registry));
      const answer = await own.exchange.send({
        registry,
        repository: "",
        base: new URL(url.origin),
        scopes: [],
        place: registry,
        method: "GET",
        url,
        what: "log in",
        expect: [200],
        signal,
      });
      await answer.discard();
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** A host with an optional port, and nothing that would make a URL of it lead elsewhere. */
function isHost(text: string): boolean {
  return /^[^/\\?#@%\s]+$/.test(text) && URL.canParse(`https://${text}/`);
}

function once<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

function sameCredential(a: Credential | undefined, b: Credential | undefined): boolean {
  return (
    a?.username === b?.username &&
    a?.password === b?.password &&
    a?.identityToken === b?.identityToken &&
    a?.registryToken === b?.registryToken
  );
}
