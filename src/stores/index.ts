/** Where content lives: memory, OCI layouts on disk, archives. */
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
export { readBytes, readManifest } from "./read.ts";
export type * from "./store.ts";
