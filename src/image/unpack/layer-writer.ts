import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  futimesSync,
  lchownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeSync,
} from "node:fs";
import type { ByteStream } from "../../bytes/stream.ts";
import { LadingError, systemCode } from "../../errors.ts";
import type { TarItem } from "../../formats/tar/entry.ts";
import { readTar } from "../../formats/tar/read.ts";
import { TimeSlice } from "../time-slice.ts";
import { parseWhiteout, type Whiteout } from "../whiteout.ts";
import { entryPath, unsafePath } from "./entry-path.ts";
import { unpackFailure } from "./failure.ts";
import { writeContent } from "./file-content.ts";
import type { UnpackLimits, UnpackOptions, UnpackResult } from "./options.ts";
import type { SimilarNames } from "./similar-names.ts";
import { type Folder, pathIn, statOf, type Tree } from "./tree.ts";

const newFile = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** What a folder is to become once everything is in it. */
interface FolderEnd {
  readonly mode: number;
  readonly mtime: number;
  readonly uid: number;
  readonly gid: number;
}

export interface LayerWriterOptions extends UnpackOptions {
  readonly limits: UnpackLimits;
  /** How messages call the place. */
  readonly target: string;
  /** The process's umask. */
  readonly umask: number;
  readonly names: SimilarNames | undefined;
}

/** Applies layers, the lowest first, to a tree. */
export class LayerWriter {
  readonly #tree: Tree;
  readonly #options: LayerWriterOptions;
  readonly #slice: TimeSlice;
  readonly #keepMode: number;
  readonly #folders = new Map<string, FolderEnd>();
  /** Paths of this layer, which its own whiteouts do not touch; undefined in the lowest layer, where all is its own. */
  #ofThisLayer: Set<string> | undefined;
  #layers = 0;
  #entries = 0;
  readonly #done = { files: 0, directories: 0, symlinks: 0, hardLinks: 0, bytes: 0, skipped: 0 };

  constructor(tree: Tree, options: LayerWriterOptions) {
    this.#tree = tree;
    this.#options = options;
    this.#slice = new TimeSlice(options.signal);
    this.#keepMode = options.specialBits === true ? 0o7777 : 0o777;
  }

  get result(): UnpackResult {
    return { ...this.#done };
  }

  /** A folder went away: what an entry said about it must not come over another of that name. */
  forgetFolder(path: string): void {
    this.#folders.delete(path);
  }

  /** @param tar uncompressed, read to its end */
  async apply(tar: ByteStream, what: string): Promise<void> {
    this.#ofThisLayer = this.#layers++ === 0 ? undefined : new Set();
    const { limits, signal, target } = this.#options;
    const items = readTar(tar, {
      maxEntries: limits.entries - this.#entries,
      maxNameBytes: limits.nameBytes,
      what,
      ...(signal === undefined ? {} : { signal }),
    });
    for await (const item of items) {
      this.#entries++;
      try {
        await this.#entry(item);
      } catch (error) {
        throw unpackFailure(error, item.name, target);
      }
      if (this.#slice.over) await this.#slice.rest();
    }
  }

  /** Gives folders their modes and times, children before parents: a read-only folder has received its files by now. */
  async finish(): Promise<void> {
    const depth = (path: string): number => path.split("/").length;
    const paths = [...this.#folders.keys()].map((path) => ({ path, depth: depth(path) }));
    for (const { path } of paths.sort((a, b) => b.depth - a.depth)) {
      const end = this.#folders.get(path);
      if (end === undefined) continue;
      try {
        const folder = this.#tree.folder(path.split("/"), false, path);
        if (folder !== undefined) this.#endFolder(folder, end);
      } catch (error) {
        throw unpackFailure(error, path, this.#options.target);
      }
      if (this.#slice.over) await this.#slice.rest();
    }
  }

  #endFolder(folder: Folder, end: FolderEnd): void {
    const { sameOwner, times, umask } = this.#options;
    if (sameOwner === true) chownSync(folder.base, end.uid, end.gid);
    chmodSync(folder.base, sameOwner === true ? end.mode : end.mode & ~umask);
    if (times !== false) utimesSync(folder.base, end.mtime, end.mtime);
  }

  async #entry(item: TarItem): Promise<void> {
    const parts = entryPath(item.name, this.#options.limits.depth);
    const name = parts.pop();
    if (name === undefined) {
      // The target itself is the caller's: its mode and owner stay.
      if (item.type !== "directory")
        throw unsafePath(item.name, "it would take the place of the target itself");
      return;
    }
    const whiteout = parseWhiteout(item.name, parts, name);
    if (whiteout !== undefined) {
      if (whiteout.hides !== "nothing") await this.#hide(item.name, parts, whiteout);
      return;
    }
    if (item.type === "character" || item.type === "block" || item.type === "fifo") {
      this.#done.skipped++;
      this.#options.on?.({
        type: "warning",
        message: `${JSON.stringify(item.name)} is a ${item.type === "fifo" ? "fifo" : `${item.type} device`} and was not unpacked`,
      });
      return;
    }
    this.#options.names?.add([...parts, name]);
    const folder = this.#tree.folder(parts, true, item.name);
    if (folder === undefined) throw new Error("a folder that was to be made is not there");
    // A hard link opens further folders while this one is in use.
    this.#tree.pinned = folder;
    this.#note(folder, name);
    const at = `${folder.base}/${name}`;
    switch (item.type) {
      case "directory":
        await this.#directory(item, folder, name, at);
        break;
      case "symlink":
        await this.#symlink(item, folder, name, at);
        break;
      case "hardlink":
        await this.#hardLink(item, folder, name, at);
        break;
      case "file":
        await this.#file(item, folder, name, at);
    }
  }

  #modeOf({ mode, type }: TarItem): number {
    const kept = mode & this.#keepMode;
    if (this.#options.modes !== "shared") return kept;
    if (type === "directory") return kept | 0o777;
    const owner = mode & 0o700;
    return (mode & 0o077) === 0 ? kept | (owner >> 3) | (owner >> 6) : kept;
  }

  async #directory(item: TarItem, folder: Folder, name: string, at: string): Promise<void> {
    const stats = statOf(at);
    if (stats?.isDirectory() !== true) {
      await this.#remove(folder, name);
      mkdirSync(at, 0o755);
    }
    this.#done.directories++;
    this.#folders.set(pathIn(folder, name), {
      mode: this.#modeOf(item),
      mtime: item.mtime,
      uid: item.uid,
      gid: item.gid,
    });
  }

  /** The link is stored as it is, wherever it points: absolute ones mean the image's own root, and none is followed. */
  async #symlink(item: TarItem, folder: Folder, name: string, at: string): Promise<void> {
    const target = item.linkName ?? "";
    if (target === "" || target.includes("\0")) throw unsafePath(item.name, "it is a link to nothing");
    await this.#make(folder, name, () => symlinkSync(target, at));
    if (this.#options.sameOwner === true) lchownSync(at, item.uid, item.gid);
    if (this.#options.times !== false) lutimesSync(at, item.mtime, item.mtime);
    this.#done.symlinks++;
  }

  async #hardLink(item: TarItem, folder: Folder, name: string, at: string): Promise<void> {
    const linkName = item.linkName ?? "";
    const parts = entryPath(linkName, this.#options.limits.depth);
    const last = parts.pop();
    const from = last === undefined ? undefined : this.#tree.folder(parts, false, item.name);
    const stats = from === undefined ? undefined : statOf(`${from.base}/${last}`);
    if (last === undefined || from === undefined || stats === undefined) {
      throw new LadingError(
        "ERR_LADING_ARCHIVE",
        `${JSON.stringify(item.name)} is a hard link to ${JSON.stringify(linkName)}, which is not in the image`,
        { hint: "the image is incomplete, or its layers are out of order" },
      );
    }
    if (stats.isDirectory()) throw unsafePath(item.name, "it is a hard link to a folder");
    this.#done.hardLinks++;
    if (from.path === folder.path && last === name) return;
    const source = `${from.base}/${last}`;
    if (stats.isSymbolicLink()) {
      // A link of its own does as well, and some systems would follow the other one here.
      const target = readlinkSync(source);
      await this.#make(folder, name, () => symlinkSync(target, at));
    } else await this.#make(folder, name, () => linkSync(source, at));
  }

  async #file(item: TarItem, folder: Folder, name: string, at: string): Promise<void> {
    const { limits, sameOwner, specialBits, times, on } = this.#options;
    this.#done.bytes += item.size;
    if (this.#done.bytes > limits.bytes) {
      throw new LadingError("ERR_LADING_LIMIT", `the files have more than ${limits.bytes} bytes`, {
        place: this.#options.target,
      });
    }
    const mode = this.#modeOf(item);
    const fd = await this.#make(folder, name, () => openSync(at, newFile, mode & 0o777));
    try {
      const { bytes } = item;
      if (bytes === undefined) await writeContent(fd, item, this.#options.signal);
      else for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
      if (sameOwner === true) fchownSync(fd, item.uid, item.gid);
      if (sameOwner === true) fchmodSync(fd, mode);
      else if (specialBits === true && mode > 0o777) fchmodSync(fd, mode & ~this.#options.umask);
      if (times !== false) futimesSync(fd, item.mtime, item.mtime);
    } finally {
      closeSync(fd);
    }
    this.#done.files++;
    on?.({ type: "file", path: pathIn(folder, name), bytes: item.size });
  }

  /** Makes something new at a name; what is there already goes first, and is never written through. */
  async #make<T>(folder: Folder, name: string, make: () => T): Promise<T> {
    try {
      return make();
    } catch (error) {
      if (systemCode(error) !== "EEXIST") throw error;
    }
    await this.#remove(folder, name);
    return make();
  }

  async #remove(folder: Folder, name: string): Promise<void> {
    for (const _ of this.#tree.remove(folder, name)) {
      if (this.#slice.over) await this.#slice.rest();
    }
  }

  /** Remembers a path of this layer, and that the folders above it are needed. */
  #note(folder: Folder, name: string): void {
    const seen = this.#ofThisLayer;
    if (seen === undefined) return;
    seen.add(pathIn(folder, name));
    for (
      let path = folder.path;
      path !== "" && !seen.has(path);
      path = path.slice(0, Math.max(0, path.lastIndexOf("/")))
    ) {
      seen.add(path);
    }
  }

  /** Applies a whiteout to what lower layers have left (image-spec, "Whiteouts"). */
  async #hide(path: string, parts: readonly string[], whiteout: Whiteout): Promise<void> {
    if (this.#ofThisLayer === undefined) return;
    const folder = this.#tree.folder(parts, false, path);
    if (folder === undefined) return;
    if (whiteout.hides === "name") await this.#hideLower(folder, whiteout.name);
    else await this.#hideChildren(folder);
  }

  async #hideLower(folder: Folder, name: string): Promise<void> {
    const path = pathIn(folder, name);
    if (this.#ofThisLayer?.has(path) !== true) {
      await this.#remove(folder, name);
      return;
    }
    if (statOf(`${folder.base}/${name}`)?.isDirectory() !== true) return;
    const inner = this.#tree.folder(path.split("/"), false, path);
    if (inner !== undefined) await this.#hideChildren(inner);
  }

  async #hideChildren(folder: Folder): Promise<void> {
    const { path } = folder;
    for (const child of readdirSync(folder.base)) {
      // Asked for again: what happens below may have closed it.
      const open = this.#tree.folder(path === "" ? [] : path.split("/"), false, path);
      if (open !== undefined) await this.#hideLower(open, child);
    }
  }
}
