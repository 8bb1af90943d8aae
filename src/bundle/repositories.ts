import type { RepositoryLocation, Source, Store } from "../stores/store.ts";

/**
 * Opens repositories by name. Credentials, connections and limits are its business; opening asks nothing. Who only reads
 * takes any source: a tar may stand for all repositories that its images come from.
 */
export interface Repositories<S extends Source = Store> {
  open(location: RepositoryLocation): Promise<S>;
}
