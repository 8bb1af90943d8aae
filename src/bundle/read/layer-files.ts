import { collect } from "../../bytes/collect.ts";
import { LadingError } from "../../errors.ts";
import type { TarItem } from "../../formats/tar/entry.ts";
import { type FilesystemLimits, LayeredTree } from "../../image/filesystem/layers.ts";
import { pathParts } from "../../image/filesystem/tree.ts";
import { parseWhiteout } from "../../image/whiteout.ts";
import type { ImageManifest } from "../../spec/manifest.ts";
import { mediaTypes } from "../../spec/media-type.ts";
import type { CallOptions, Source } from "../../stores/store.ts";

const layerTypes: ReadonlySet<string> = new Set([
  mediaTypes.dockerLayer,
  mediaTypes.dockerLayerGzip,
  mediaTypes.dockerLayerZstd,
  mediaTypes.dockerForeignLayer,
  mediaTypes.dockerForeignLayerGzip,
  mediaTypes.ociLayer,
  mediaTypes.ociLayerGzip,
  mediaTypes.ociLayerZstd,
  mediaTypes.ociForeignLayer,
  mediaTypes.ociForeignLayerGzip,
  mediaTypes.ociForeignLayerZstd,
]);

/** A file that is wanted out of an image. */
export interface WantedFile {
  /** Where it is, from the image's root, such as `.imgpkg/images.yml`. */
  readonly path: string;
  /** Take the first file of this name when there is none at the path itself. */
  readonly anywhere?: boolean;
  /** Bytes; a larger file is an error, or as good as none when it is `optional`. */
  readonly maxBytes: number;
  readonly optional?: boolean;
}

/**
 * Reads a few small files out of an image's layers, without a disk: from the top layer down to where all were found or
 * are hidden. Every layer that is read is read to its end and checked, so that nothing unchecked is given out.
 * @returns by path; what is not there is left out
 * @throws LadingError ERR_LADING_UNSUPPORTED for layers that are no tar, ERR_LADING_LIMIT, ERR_LADING_ARCHIVE,
 * ERR_LADING_NOT_FOUND; DigestMismatchError, SizeMismatchError
 */
export async function readLayerFiles(
  source: Source,
  manifest: ImageManifest,
  wanted: readonly WantedFile[],
  limits: FilesystemLimits,
  options: CallOptions = {},
): Promise<ReadonlyMap<string, Uint8Array>> {
  checkLayerTypes(manifest, source.label);
  const call = options.signal === undefined ? {} : { signal: options.signal };
  const tree = new LayeredTree(source, manifest, limits);
  const found = new Map<string, Uint8Array>();
  let open = wanted;
  for (let layer = manifest.layers.length - 1; layer >= 0 && open.length > 0; layer--) {
    const pass = new LayerPass(open, source.label);
    for await (const item of tree.items(layer, call)) await pass.take(item);
    for (const [path, bytes] of pass.found()) found.set(path, bytes);
    open = open.filter((file) => !pass.decides(file));
  }
  return found;
}

function checkLayerTypes({ layers }: ImageManifest, place: string): void {
  const other = layers.find(({ mediaType }) => !layerTypes.has(mediaType));
  if (other === undefined) return;
  throw new LadingError(
    "ERR_LADING_UNSUPPORTED",
    `Expected layer to have docker layer media type, was ${other.mediaType}`,
    { place },
  );
}

/** What one layer says about the wanted files. */
class LayerPass {
  readonly #wanted: readonly WantedFile[];
  readonly #place: string;
  /** The last entry of a path counts, as when it is unpacked; undefined where something else took its place. */
  readonly #atPath = new Map<string, Uint8Array | undefined>();
  /** The first file of a name counts. */
  readonly #byName = new Map<string, Uint8Array | undefined>();
  /** Folders and files of lower layers that cannot be seen through this one. */
  readonly #hidden = new Set<string>();

  constructor(wanted: readonly WantedFile[], place: string) {
    this.#wanted = wanted;
    this.#place = place;
  }

  async take(item: TarItem): Promise<void> {
    const parts = pathParts(item.name);
    const name = parts.at(-1);
    if (name === undefined) return;
    const folders = parts.slice(0, -1);
    const whiteout = parseWhiteout(item.name, folders, name);
    if (whiteout !== undefined) {
      if (whiteout.hides === "all") this.#hidden.add(folders.join("/"));
      if (whiteout.hides === "name") this.#hidden.add([...folders, whiteout.name].join("/"));
      return;
    }
    const path = parts.join("/");
    for (const file of this.#wanted) {
      if (file.path === path) {
        this.#atPath.set(path, item.type === "file" ? await this.#content(item, file) : undefined);
      } else if (file.path.startsWith(`${path}/`) && item.type !== "directory") {
        // A file where the folder was takes all in it away.
        this.#atPath.set(file.path, undefined);
        this.#hidden.add(path);
      } else if (file.anywhere === true && item.type === "file" && isNamed(file, name)) {
        if (!this.#byName.has(file.path)) this.#byName.set(file.path, await this.#content(item, file));
      }
    }
  }

  async #content(item: TarItem, file: WantedFile): Promise<Uint8Array | undefined> {
    if (item.size > file.maxBytes) {
      if (file.optional === true) return undefined;
      throw new LadingError(
        "ERR_LADING_LIMIT",
        `${file.path} has ${item.size} bytes; at most ${file.maxBytes} are read`,
        { place: this.#place },
      );
    }
    return await collect(item.content(), file.maxBytes, file.path);
  }

  found(): Map<string, Uint8Array> {
    const found = new Map<string, Uint8Array>();
    for (const [path, bytes] of [...this.#byName, ...this.#atPath]) {
      if (bytes !== undefined) found.set(path, bytes);
    }
    return found;
  }

  /** Whether lower layers have no say about a file any more. */
  decides({ path }: WantedFile): boolean {
    if (this.#atPath.has(path) || this.#byName.has(path) || this.#hidden.has("")) return true;
    const parts = path.split("/");
    return parts.some((_, i) => this.#hidden.has(parts.slice(0, i + 1).join("/")));
  }
}

function isNamed({ path }: WantedFile, name: string): boolean {
  return path.slice(path.lastIndexOf("/") + 1) === name;
}
