import type { ByteStream } from "../../bytes/stream.ts";
import { LadingError } from "../../errors.ts";
import { type FileAttributes, fileAttributes } from "../../formats/tar/attributes.ts";
import type { Digest } from "../../spec/digest.ts";
import type { ImageManifest } from "../../spec/manifest.ts";
import type { CallOptions, Source } from "../../stores/store.ts";
import { type FilesystemLimits, LayeredTree } from "./layers.ts";
import type { Found } from "./lookup.ts";
import type { Inode, TreeNode } from "./tree.ts";

/** A file of an image, as a container sees it. */
export interface ImageFile extends FileAttributes {
  /** From the image's root, with `/` in front. */
  readonly path: string;
  readonly type: Inode["type"];
  /** The layer that it comes from; undefined for a directory that no layer has an entry for. */
  readonly layer?: Digest;
}

/** The merged file system of an image, read from its layers without unpacking them anywhere. */
export interface ImageFilesystem {
  /**
   * What is at a path. Symbolic links are followed within the image; `follow: false` shows a link itself.
   * @throws LadingError ERR_LADING_NOT_FOUND
   */
  stat(path: string, options?: CallOptions & { readonly follow?: boolean }): Promise<ImageFile>;
  /**
   * What is directly in a directory, sorted; a file is listed as itself.
   * @throws LadingError ERR_LADING_NOT_FOUND
   */
  list(path: string, options?: CallOptions): Promise<readonly ImageFile[]>;
  /** All below a directory, each directory before what is in it, sorted. @throws LadingError ERR_LADING_NOT_FOUND */
  walk(path: string, options?: CallOptions): AsyncIterable<ImageFile>;
  /**
   * The content of a file; links are followed. The layer is verified before the stream ends, so what was read is only
   * to be trusted then.
   * @throws LadingError ERR_LADING_NOT_FOUND, ERR_LADING_USAGE for what is no file
   */
  read(path: string, options?: CallOptions): Promise<ByteStream>;
}

export interface FilesystemOptions extends CallOptions, FilesystemLimits {}

/**
 * Opens the file system of an image. Layers are read when a question needs them, from the top; every layer that is read
 * is verified. Memory holds one small record per path and no content. A path that leads through a symbolic link of a lower
 * layer ends up where the link leads, as when the layers are unpacked; a directory's own entry takes the link's place.
 */
export async function openFilesystem(
  source: Source,
  manifest: ImageManifest,
  options: FilesystemOptions = {},
): Promise<ImageFilesystem> {
  options.signal?.throwIfAborted();
  return new MergedFilesystem(new LayeredTree(source, manifest, options), source.label, options.signal);
}

class MergedFilesystem implements ImageFilesystem {
  readonly #tree: LayeredTree;
  readonly #label: string;
  readonly #signal: AbortSignal | undefined;

  constructor(tree: LayeredTree, label: string, signal: AbortSignal | undefined) {
    this.#tree = tree;
    this.#label = label;
    this.#signal = signal;
  }

  async stat(path: string, options: CallOptions & { readonly follow?: boolean } = {}): Promise<ImageFile> {
    const call = this.#call(options);
    const { node, parts } = await this.#find(path, options.follow ?? true, call);
    return this.#file(node, parts);
  }

  async list(path: string, options: CallOptions = {}): Promise<readonly ImageFile[]> {
    const call = this.#call(options);
    await this.#tree.readAll(call);
    const { node, parts } = await this.#find(path, true, call);
    if (!node.isDirectory) return [this.#file(node, parts)];
    return sorted(node).map(([name, child]) => this.#file(child, [...parts, name]));
  }

  async *walk(path: string, options: CallOptions = {}): AsyncGenerator<ImageFile> {
    const call = this.#call(options);
    await this.#tree.readAll(call);
    const { node, parts } = await this.#find(path, true, call);
    if (!node.isDirectory) yield this.#file(node, parts);
    else for (const found of below(node, parts)) yield this.#file(found.node, found.parts);
  }

  async read(path: string, options: CallOptions = {}): Promise<ByteStream> {
    const call = this.#call(options);
    const { node, parts } = await this.#find(path, true, call);
    const inode = node.inode;
    if (inode?.openLink !== undefined) throw brokenLink(`/${parts.join("/")}`, inode.openLink, this.#label);
    if (inode?.type !== "file") {
      throw new LadingError("ERR_LADING_USAGE", `/${parts.join("/")} is a ${inode?.type ?? "directory"}`, {
        place: this.#label,
        hint: "only files have content to read",
      });
    }
    return this.#content(inode, call);
  }

  async *#content(inode: Inode, call: CallOptions): AsyncGenerator<Uint8Array> {
    // The loop goes on to the layer's end: only there its digest is known to be right.
    for await (const item of this.#tree.items(inode.layer, call)) {
      if (item.offset === inode.offset) yield* item.content();
    }
  }

  /** The caller's signal, or the one that the file system was opened with. */
  #call(options: CallOptions): CallOptions {
    const signal = options.signal ?? this.#signal;
    return signal === undefined ? {} : { signal };
  }

  async #find(path: string, follow: boolean, call: CallOptions): Promise<Found> {
    const found = await this.#tree.find(path, follow, call);
    if (found === "absent") throw this.#absent(path);
    if (found === "too many links") throw this.#absent(path, "it leads through too many symbolic links");
    return found;
  }

  #absent(path: string, why = "there is no such file in the image"): LadingError {
    return new LadingError("ERR_LADING_NOT_FOUND", `${JSON.stringify(path)}: ${why}`, {
      place: this.#label,
      hint: "list the image's files to see what is there",
    });
  }

  #file({ inode }: TreeNode, parts: readonly string[]): ImageFile {
    const path = `/${parts.join("/")}`;
    if (inode === undefined)
      return { path, type: "directory", mode: 0o755, uid: 0, gid: 0, mtime: 0, size: 0 };
    const { digest } = this.#tree.descriptorOf(inode.layer);
    return { path, type: inode.type, ...fileAttributes(inode), layer: digest };
  }
}

/** A hard link to what no layer has, or has no more. */
export function brokenLink(path: string, target: string, place: string): LadingError {
  return new LadingError(
    "ERR_LADING_ARCHIVE",
    `${path} is a hard link to /${target}, which is in none of the layers`,
    { place, hint: "the image was built wrongly: build it again with another tool" },
  );
}

function sorted(node: TreeNode): [string, TreeNode][] {
  return [...(node.children ?? [])].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** All below a directory of a merged tree, each directory before what is in it, sorted. */
export function* below(node: TreeNode, parts: readonly string[]): Generator<Found> {
  const stack: Found[] = [];
  const push = (parent: TreeNode, at: readonly string[]): void => {
    for (const [name, child] of sorted(parent).reverse()) stack.push({ node: child, parts: [...at, name] });
  };
  push(node, parts);
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    yield next;
    if (next.node.isDirectory) push(next.node, next.parts);
  }
}
