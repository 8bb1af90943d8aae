/**
 * The verbs most people want, and the types they take and give; the floors' own sub-paths (`lading/spec`,
 * `lading/stores`, …) have the rest. The library never prints and reads no environment variable; it takes an AbortSignal
 * wherever it waits.
 */
export {
  type BundleTar,
  describeBundle,
  exportToTar,
  gatherBundle,
  gatherTar,
  openTar,
  pullBundle,
  pushBundle,
  pushImage,
  type Repositories,
  readBundleTree,
  relocate,
  verifyBundle,
} from "./bundle/index.ts";
export {
  type CopyOptions,
  CopyPartialError,
  type CopyPlan,
  type CopyRequest,
  type CopyResult,
  copy,
  execute,
  plan,
} from "./copy/index.ts";
export {
  DigestMismatchError,
  type ErrorCode,
  errorCodes,
  isLadingError,
  LadingError,
  PartialError,
  RegistryError,
  SizeMismatchError,
} from "./errors.ts";
export type { EventListener, LadingEvent } from "./events.ts";
export {
  buildImage,
  createLayer,
  NewImage,
  openFilesystem,
  selectImage,
  selectManifest,
  unpackImage,
} from "./image/index.ts";
export { createRegistryServer, diskRepositories, memoryRepositories } from "./server/index.ts";
export {
  type Descriptor,
  type Digest,
  type Platform,
  parsePlatform,
  parseReference,
  type Reference,
} from "./spec/index.ts";
export {
  authFileCredentials,
  type Credential,
  type CredentialSource,
  createDockerArchive,
  createOciArchive,
  createRegistryClient,
  explicitCredential,
  MemoryStore,
  openArchive,
  openLayout,
  type RegistryClient,
  type Sink,
  type Source,
  type Store,
} from "./stores/index.ts";
