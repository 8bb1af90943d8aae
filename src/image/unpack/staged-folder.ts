import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { LadingError } from "../../errors.ts";
import { TimeSlice } from "../time-slice.ts";
import { entryPath, unsafePath } from "./entry-path.ts";
import { unpackFailure } from "./failure.ts";
import { fillFolder } from "./fill-folder.ts";
import { applyImage, type UnpackedImage } from "./image-layers.ts";
import type { UnpackOptions, UnpackResult } from "./options.ts";
import { statOf, type Tree } from "./tree.ts";

/**
 * A folder with all of an image's layers in it, before anybody can see it under its name. Paths are below it, with `/`,
 * and lead through the image's links as the unpacker's option says: never out of the folder.
 */
export class StagedFolder {
  readonly #tree: Tree;
  readonly #settings: StagedFolderSettings;

  constructor(tree: Tree, settings: StagedFolderSettings) {
    this.#tree = tree;
    this.#settings = settings;
  }

  /**
   * A file's content, which was checked against the image's digests.
   * @param maxBytes what it may have
   * @throws LadingError ERR_LADING_DOCUMENT when there is no such file, ERR_LADING_LIMIT, ERR_LADING_STORE
   */
  readFile(path: string, maxBytes: number): Uint8Array {
    const { at } = this.#file(path);
    return this.#saying(path, () => {
      const fd = openSync(at, constants.O_RDONLY | constants.O_NOFOLLOW);
      try {
        const { size } = fstatSync(fd);
        if (size <= maxBytes) return readFileSync(fd);
        const message = `${path} has ${size} bytes; at most ${maxBytes} are read of it`;
        throw new LadingError("ERR_LADING_LIMIT", message, { place: this.#settings.target });
      } finally {
        closeSync(fd);
      }
    });
  }

  /**
   * Puts a new file with the old one's mode in its place; another name of the old one (a hard link) keeps the old content.
   * @throws LadingError ERR_LADING_DOCUMENT when there is no such file, ERR_LADING_STORE
   */
  replaceFile(path: string, content: string | Uint8Array): void {
    const { at, mode } = this.#file(path);
    this.#saying(path, () => {
      unlinkSync(at);
      const fd = openSync(at, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
      try {
        writeFileSync(fd, content);
        fchmodSync(fd, mode);
      } finally {
        closeSync(fd);
      }
    });
  }

  /**
   * Unpacks another image into a folder of its own; what the first image has at its path goes.
   * @param then is called with that folder when all layers are in it
   * @throws LadingError as `unpackImage`
   */
  async unpack(path: string, image: UnpackedImage, then?: StagedFolderTask): Promise<UnpackResult> {
    const { options, target, umask } = this.#settings;
    const settings = { target: `${target}/${path}`, umask, options };
    const folder = await this.#freshFolder(path);
    return await fillFolder(folder, settings, async ({ tree, writer }) => {
      await applyImage(image, writer, settings.target, options);
      await then?.(new StagedFolder(tree, settings));
    });
  }

  /** The path of a new folder for system calls: good until the tree opens another one. */
  async #freshFolder(path: string): Promise<string> {
    const parts = entryPath(path, Number.POSITIVE_INFINITY);
    const name = parts.pop();
    if (name === undefined) throw unsafePath(path, "it is the target itself");
    const parent = this.#tree.folder(parts, true, path);
    if (parent === undefined) throw new Error("a folder that was to be made is not there");
    const slice = new TimeSlice(this.#settings.options.signal);
    for (const _ of this.#tree.remove(parent, name)) if (slice.over) await slice.rest();
    const folder = `${parent.base}/${name}`;
    this.#saying(path, () => mkdirSync(folder));
    return folder;
  }

  #file(path: string): { readonly at: string; readonly mode: number } {
    const parts = entryPath(path, Number.POSITIVE_INFINITY);
    const name = parts.pop() ?? ".";
    const folder = this.#tree.folder(parts, false, path);
    const at = folder === undefined ? undefined : `${folder.base}/${name}`;
    const stats = at === undefined ? undefined : statOf(at);
    if (at === undefined || stats?.isFile() !== true) {
      throw new LadingError("ERR_LADING_DOCUMENT", `the image has no file ${path}`, {
        place: this.#settings.target,
      });
    }
    return { at, mode: stats.mode & 0o7777 };
  }

  #saying<T>(path: string, work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw unpackFailure(error, path, this.#settings.target);
    }
  }
}

/** What is done to an unpacked image before it appears. */
export type StagedFolderTask = (folder: StagedFolder) => Promise<void> | void;

interface StagedFolderSettings {
  /** How messages call the folder. */
  readonly target: string;
  /** The process's. */
  readonly umask: number;
  readonly options: UnpackOptions;
}
