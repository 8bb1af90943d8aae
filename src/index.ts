/**
 * The verbs most people want; the floors' own sub-paths (`lading/spec`, `lading/stores`, …) have the rest.
 * The library never prints and reads no environment variable; it takes an AbortSignal wherever it waits.
 */
export { copy, execute, plan } from "./copy/index.ts";
export { isLadingError, LadingError } from "./errors.ts";
export type { EventListener, LadingEvent } from "./events.ts";
export { buildImage, createLayer, openFilesystem, unpackImage } from "./image/index.ts";
export { createRegistryServer } from "./server/index.ts";
export { parseReference } from "./spec/index.ts";
export {
  createDockerArchive,
  createOciArchive,
  createRegistryClient,
  MemoryStore,
  openArchive,
  openLayout,
} from "./stores/index.ts";
