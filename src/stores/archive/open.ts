import { LadingError } from "../../errors.ts";
import type { Source } from "../store.ts";
import { DockerArchive } from "./docker-archive.ts";
import { OciArchive } from "./oci-archive.ts";
import { type OpenTarOptions, openTarFile } from "./tar-file.ts";

export interface OpenArchiveOptions extends OpenTarOptions {
  /** For people. Default `oci-archive:<path>` or `docker-archive:<path>`. */
  readonly label?: string;
}

/**
 * Opens an archive for reading: a tar of an OCI layout, what `docker save` writes, or both in one (then it is read as a
 * layout); also compressed with gzip or zstd. Close it by `Symbol.asyncDispose`.
 * @throws LadingError ERR_LADING_NOT_FOUND, ERR_LADING_ARCHIVE, ERR_LADING_DOCUMENT, ERR_LADING_LIMIT, ERR_LADING_STORE
 */
export async function openArchive(
  path: string,
  options: OpenArchiveOptions = {},
): Promise<Source & AsyncDisposable> {
  const tar = await openTarFile(path, options.label ?? path, options);
  try {
    if (tar.size("oci-layout") !== undefined && tar.size("index.json") !== undefined) {
      return await OciArchive.open(tar, options.label ?? `oci-archive:${path}`);
    }
    if (tar.size("manifest.json") !== undefined) {
      return await DockerArchive.open(tar, options.label ?? `docker-archive:${path}`);
    }
    const old = tar.size("repositories") !== undefined;
    throw new LadingError("ERR_LADING_ARCHIVE", `${path} holds no images`, {
      place: options.label ?? path,
      hint: old
        ? "it was written by a docker older than 1.10: load it with docker and save it again"
        : "an archive of images has oci-layout and index.json, or manifest.json, at its top",
    });
  } catch (error) {
    await tar.close();
    throw error;
  }
}
