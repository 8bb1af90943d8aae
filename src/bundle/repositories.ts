import type { RepositoryLocation, Store } from "../stores/store.ts";

/** Opens repositories by name. Credentials, connections and limits are its business; opening asks nothing. */
export interface Repositories {
  open(location: RepositoryLocation): Promise<Store>;
}
