import type { Access } from "./auth/guard.ts";
import { Fault } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import type { Metrics } from "./metrics.ts";
import type { Settings } from "./options.ts";
import type { Repositories, Repository } from "./repositories/repository.ts";
import type { Sessions } from "./sessions.ts";

/** What every end-point works with. */
export interface Context {
  readonly exchange: Exchange;
  readonly settings: Settings;
  readonly repositories: Repositories;
  readonly sessions: Sessions;
  readonly metrics: Metrics;
  /** What else the one who asks may do; the request itself is allowed already. */
  readonly access: Access;
}

/** @throws Fault NAME_UNKNOWN */
export async function knownRepository(context: Context, name: string): Promise<Repository> {
  const repository = await context.repositories.find(name);
  if (repository !== undefined) return repository;
  throw new Fault(404, "NAME_UNKNOWN", "there is no such repository here", { detail: { name } });
}
