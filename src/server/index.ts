export type { TokenKey } from "./auth/jwt.ts";
export { htpasswd, htpasswdFile, type Passwords, plainPasswords } from "./auth/passwords.ts";
export type { Action } from "./auth/principal.ts";
export type { AccessRule } from "./auth/rights.ts";
export type { TokenOptions } from "./auth/tokens.ts";
export type { Collected } from "./collected.ts";
export { formatLogJson, formatLogText, type LogEntry, type LogListener } from "./log.ts";
export {
  type CollectionOptions,
  type DeleteSwitches,
  defaultLimits,
  type RegistryServerOptions,
  type ServerLimits,
} from "./options.ts";
export { diskRepositories } from "./repositories/disk.ts";
export { memoryRepositories } from "./repositories/memory.ts";
export { type Repositories, Repository, type RepositoryContent } from "./repositories/repository.ts";
export { createRegistryServer, type Listening, type RegistryServer } from "./server.ts";
