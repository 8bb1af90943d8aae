/** Images made, changed and looked into. */
export {
  type BuildImageOptions,
  buildImage,
  type Document,
  type ImageDocuments,
  type ImageLayer,
} from "./document.ts";
export {
  type AppendedDiffId,
  type ConfigEdit,
  type ExecutionEdit,
  editConfig,
  editImage,
  editManifest,
  type ImageEdit,
  type ManifestEdit,
  type MapEdit,
} from "./edit.ts";
export { exportFilesystem } from "./export.ts";
export {
  type FilesystemOptions,
  type ImageFile,
  type ImageFilesystem,
  openFilesystem,
} from "./filesystem/filesystem.ts";
export { createLayer, type Layer, type LayerOptions } from "./layer/create.ts";
export type { DiskInput, EntriesInput, LayerEntry, LayerInput } from "./layer/input.ts";
export { NewImage } from "./new-image.ts";
export {
  type SelectedImage,
  type SelectedManifest,
  type SelectImageOptions,
  selectImage,
  selectManifest,
} from "./select-image.ts";
export type { UnpackLimits, UnpackOptions, UnpackResult } from "./unpack/options.ts";
export { type LayerFacts, unpackImage, unpackLayer } from "./unpack/unpack.ts";
