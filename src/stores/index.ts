/** Where content lives: memory, OCI layouts on disk, archives, registries. */
export {
  type ArchiveWriter,
  type CreateArchiveOptions,
  createDockerArchive,
  createOciArchive,
} from "./archive/archive-writer.ts";
export { type OpenArchiveOptions, openArchive } from "./archive/open.ts";
export { type FileBodyRange, fileBody } from "./file-body.ts";
export type { GarbageOptions, GarbageReport } from "./layout/gc.ts";
export type { LayoutStore, LayoutStoreOptions } from "./layout/layout-store.ts";
export { type OpenLayoutOptions, openLayout } from "./layout/open.ts";
export type { UploadInfo } from "./layout/uploads.ts";
export type { VerifyFinding, VerifyOptions, VerifyReport } from "./layout/verify.ts";
export { MemoryStore } from "./memory.ts";
export { formatPlace, type Place, parsePlace } from "./place.ts";
export { readBytes, readConfig, readManifest } from "./read.ts";
export {
  anonymous,
  type Credential,
  type CredentialSource,
  chainCredentials,
  credentialsByHost,
  explicitCredential,
} from "./registry/auth/credentials.ts";
export { authFileCredentials } from "./registry/auth/docker-config.ts";
export { eraseLogin, storeLogin } from "./registry/auth/login.ts";
export { createRegistryClient, type RegistryClient, type RegistryClientOptions } from "./registry/client.ts";
export type { Clock } from "./registry/http/clock.ts";
export type { ProxyOptions } from "./registry/http/proxy.ts";
export type { RetryPolicy } from "./registry/http/retry.ts";
export type { HostOptions } from "./registry/http/tls.ts";
export type { RegistryStore } from "./registry/repository.ts";
export type * from "./store.ts";
