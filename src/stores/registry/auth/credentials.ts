/** How to show who we are to one registry. Any part may be missing; without all parts it is anonymous. */
export interface Credential {
  readonly username?: string;
  readonly password?: string;
  /** A refresh token for the registry's token service (OAuth2), in place of a password. */
  readonly identityToken?: string;
  /** A bearer token that the registry takes as it is. */
  readonly registryToken?: string;
  /** From then on (ms since the epoch) the source has to be asked anew. */
  readonly askAgainAt?: number;
}

/** Where credentials come from. */
export interface CredentialSource {
  /**
   * @param registry as in references, e.g. `docker.io` or `127.0.0.1:5000`
   * @param repository podman keeps credentials for single paths, too
   * @returns undefined when this source knows none
   */
  find(registry: string, repository: string, signal?: AbortSignal): Promise<Credential | undefined>;
}

/** No credentials, for every registry. */
export const anonymous: CredentialSource = { find: async () => undefined };

/** The same credential for every registry of a call, as flags and variables give it. */
export function explicitCredential(credential: Credential): CredentialSource {
  return { find: async () => credential };
}

/** Credentials per exact host (with its port), e.g. from numbered environment variables. Never by a part of the name. */
export function credentialsByHost(table: Readonly<Record<string, Credential>>): CredentialSource {
  const byHost = new Map(Object.entries(table).map(([host, credential]) => [host.toLowerCase(), credential]));
  return { find: async (registry) => byHost.get(registry.toLowerCase()) };
}

/** The first source that knows a credential wins. */
export function chainCredentials(...sources: readonly CredentialSource[]): CredentialSource {
  return {
    find: async (registry, repository, signal) => {
      for (const source of sources) {
        const found = await source.find(registry, repository, signal);
        if (found !== undefined) return found;
      }
      return undefined;
    },
  };
}
