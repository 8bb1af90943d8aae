import type { EventListener } from "../../../../events.ts";
import type { Clock } from "../../http/clock.ts";
import type { Credential } from "../credentials.ts";
import type { TokenServers } from "./token-servers.ts";

/** What keychains know of where they run; nothing is read from the process. */
export interface KeychainContext {
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly servers: TokenServers;
  readonly clock: Clock;
  readonly on: EventListener;
}

/** A credential with its end, ms since the epoch, where it has one. */
export interface LentCredential extends Credential {
  readonly endsAt?: number;
}

/** One way to get a credential. It gives undefined where what it needs is not set up, and throws where that is no good. */
export interface KeychainWay {
  /** For `--debug`, such as "key file". */
  readonly name: string;
  get(registry: string): Promise<LentCredential | undefined>;
}

/** How one cloud hands out credentials for its registries. */
export interface Keychain {
  /** Whether the registry is one of this cloud's. Compares whole names: others may look like it. */
  serves(registry: string): boolean;
  /** Tried in this order. */
  readonly ways: readonly KeychainWay[];
}
