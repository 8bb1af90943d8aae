import type { EventListener } from "../../events.ts";
import { repositoryScope, unionScopes } from "./auth/scope.ts";
import { unlessAborted } from "./http/abort.ts";
import type { Answer, Call, Exchange } from "./http/exchange.ts";
import type { Memo } from "./memo.ts";
import type { Quirks } from "./quirks.ts";
import type { UploadJournal } from "./upload-journal.ts";

/** What a request does to the repository, most to least: decides the token's scope. */
export type Access = "pull" | "push" | "delete";

const actions: Readonly<Record<Access, readonly string[]>> = {
  pull: ["pull"],
  push: ["pull", "push"],
  delete: ["pull", "push", "delete"],
};

/** A call to one repository, without what is the same for all of them. */
export interface RepositoryCall
  extends Omit<Call, "registry" | "base" | "repository" | "scopes" | "place" | "url"> {
  /** Below `/v2/<name>/`, or a whole URL that the registry gave. */
  readonly to: string | URL;
  readonly access: Access;
  /** Scopes of other repositories that the call touches, e.g. of a mount's source. */
  readonly alsoScopes?: readonly string[];
}

/** One repository during one run: where it is, how it is reached and what is known about it. */
export interface RepositorySession {
  readonly registry: string;
  readonly repository: string;
  readonly label: string;
  readonly quirks: Quirks;
  readonly exchange: Exchange;
  readonly memo: Memo;
  readonly journal: UploadJournal | undefined;
  readonly on: EventListener;
  /** Found out about this registry: whether it has the referrers API. */
  readonly features: RegistryFeatures;
  /** Whether two repositories of this registry are reached with the same credential. */
  sameCredential(repository: string, signal?: AbortSignal): Promise<boolean>;
  base(signal?: AbortSignal): Promise<URL>;
  send(call: RepositoryCall): Promise<Answer>;
  /** Sends and reads the whole answer; a body that breaks off is another attempt. */
  read(call: RepositoryCall, limit: number): Promise<{ answer: Answer; bytes: Buffer }>;
}

/** Shared by all repositories of one registry. */
export interface RegistryFeatures {
  referrersApi: boolean | undefined;
}

export interface SessionParts {
  readonly registry: string;
  readonly repository: string;
  readonly quirks: Quirks;
  readonly exchange: Exchange;
  readonly memo: Memo;
  readonly journal: UploadJournal | undefined;
  readonly on: EventListener;
  readonly features: RegistryFeatures;
  readonly base: (signal?: AbortSignal) => Promise<URL>;
  readonly sameCredential: (repository: string, signal?: AbortSignal) => Promise<boolean>;
}

export function createSession(parts: SessionParts): RepositorySession {
  const { registry, repository, exchange } = parts;
  const label = `${registry}/${repository}`;
  const complete = async (call: RepositoryCall, attempts = call.attempts): Promise<Call> => {
    const base = await unlessAborted(parts.base(call.signal), call.signal);
    // Field by field: spread out, so many fields would make a hash table of 2 KiB, for each request.
    return {
      registry,
      repository,
      base,
      place: label,
      url: typeof call.to === "string" ? new URL(`/v2/${repository}/${call.to}`, base) : call.to,
      scopes: unionScopes([repositoryScope(repository, actions[call.access])], call.alsoScopes ?? []),
      method: call.method,
      what: call.what,
      headers: call.headers,
      body: call.body,
      expect: call.expect,
      lane: call.lane,
      attempts,
      headersTimeoutMs: call.headersTimeoutMs,
      cookies: call.cookies,
      signal: call.signal,
    };
  };
  return {
    ...parts,
    label,
    send: async (call) => exchange.send(await complete(call)),
    read: async (call, limit) => {
      const once = await complete(call, 1);
      for (let attempt = 1; ; attempt++) {
        try {
          const answer = await exchange.send(once);
          return { answer, bytes: await answer.bytes(limit) };
        } catch (error) {
          const { what, attempts, signal } = call;
          await exchange.waitToRetry(exchange.failed(error, once), attempt, {
            registry,
            what,
            attempts,
            signal,
          });
        }
      }
    },
  };
}
