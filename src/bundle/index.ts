/** Bundles: made, read, copied, pulled, described and verified, and the documents that they are known by. */
export type { CosignKind } from "./artifacts/cosign.ts";
export { type ExportOptions, exportToTar, planExport } from "./copy/export.ts";
export { gatherBundle, type NamedBundle } from "./copy/gather-bundle.ts";
export { type GatherImagesOptions, gatherImages, type NamedImage } from "./copy/gather-images.ts";
export { gatherTar } from "./copy/gather-tar.ts";
export { lockOutput } from "./copy/lock-output.ts";
export type { CopySet, CopySubject, FoundBy, GatherOptions, ImageToCopy } from "./copy/model.ts";
export {
  planRelocation,
  type RelocateOptions,
  type Relocation,
  type RelocationPlan,
  relocate,
} from "./copy/relocate.ts";
export { type BundleToDescribe, describeBundle } from "./describe/describe.ts";
export type { DescribeOptions } from "./describe/describe-tree.ts";
export type { BundleDescription } from "./describe/model.ts";
export { describeYaml } from "./describe/yaml.ts";
export { formatBundleLock, parseBundleLock } from "./documents/bundle-lock.ts";
export { formatImagesLock, lockOf, parseImagesLock } from "./documents/images-lock.ts";
export { formatLocations, parseLocations } from "./documents/locations.ts";
export { type LockFile, parseLockFile } from "./documents/lock-file.ts";
export type {
  BundleLock,
  BundleMetadata,
  ImageLocations,
  ImagesLock,
  LocatedImage,
  LockedImage,
} from "./documents/model.ts";
export {
  bundleLabel,
  generatedTag,
  locationsTag,
  lockName,
  type PinnedReference,
  parsePinned,
  pinnedIn,
} from "./documents/names.ts";
export type { BundleToPlan, PlanBundlePullOptions } from "./pull/plan-bundle.ts";
export { planBundlePull } from "./pull/plan-bundle.ts";
export { type BundlePull, pullBundle } from "./pull/pull-bundle.ts";
export { pullImage, selectPlainImage } from "./pull/pull-image.ts";
export type { BundleCompression } from "./push/compression.ts";
export type { BundleDiskInput } from "./push/input.ts";
export { type PackedImage, type PackOptions, packBundle, packImage } from "./push/pack.ts";
export {
  type PushDestination,
  type PushOptions,
  type PushResult,
  pushBundle,
  pushImage,
} from "./push/push.ts";
export { readLocations } from "./read/locations-image.ts";
export type { BundleEntry, BundleNode } from "./read/model.ts";
export { type BundleRoot, type ReadBundleTreeOptions, readBundleTree } from "./read/tree.ts";
export { bundlesOf } from "./read/walk.ts";
export type { Repositories } from "./repositories.ts";
export { type BundleTar, isImgpkgTar, openTar, rootBundleLabel, type TarRoot } from "./tar/open.ts";
export type { BundleVerifyReport, VerifiedImage, VerifyProblem } from "./verify/model.ts";
export { type BundleToVerify, type VerifyBundleOptions, verifyBundle } from "./verify/verify.ts";
