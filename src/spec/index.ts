/** Documents and names as the OCI and Docker specifications have them: parsed, checked, never cast. */
export { type ExecutionConfig, type HistoryEntry, type ImageConfig, parseConfig } from "./config.ts";
export { type Descriptor, descriptorToJson, readDescriptor } from "./descriptor.ts";
export {
  type Algorithm,
  algorithmOf,
  type Digest,
  hexOf,
  isDigest,
  parseDigest,
  shortDigest,
} from "./digest.ts";
export { type Child, childrenOf, type Node, type Role } from "./graph.ts";
export {
  checkLayoutFile,
  formatLayoutIndex,
  type LayoutEntry,
  type LayoutIndex,
  layoutFile,
  parseLayoutIndex,
  refNameAnnotation,
} from "./layout-files.ts";
export { limits } from "./limits.ts";
export {
  type ArtifactManifest,
  type ImageManifest,
  type Index,
  type Manifest,
  parseManifest,
} from "./manifest.ts";
export {
  type Compression,
  compressionOf,
  isImageManifestType,
  isIndexType,
  isNonDistributable,
  manifestAccept,
  mediaTypes,
} from "./media-type.ts";
export {
  formatPlatform,
  normalizePlatform,
  type Platform,
  parsePlatform,
  platformDistance,
} from "./platform.ts";
export {
  formatReference,
  isRepositoryPath,
  isTag,
  parseReference,
  type Reference,
  repositoryName,
  targetOf,
  withDigest,
  withTag,
} from "./reference.ts";
export { imagesOf, isAttestation, selectManifests } from "./select.ts";
