import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmdirSync,
  type Stats,
  statSync,
  unlinkSync,
} from "node:fs";
import { systemCode } from "../../errors.ts";
import { unsafePath } from "./entry-path.ts";

/** Open folders kept for entries to come. */
const maxOpen = 256;
const maxLinks = 40;

/** A folder of the tree that is known to be a real one. */
export interface Folder {
  /** Its path below the root with `/`; "" for the root. */
  readonly path: string;
  /** A path that names this very folder for system calls. */
  readonly base: string;
  /** -1 when folders are held by path. */
  readonly fd: number;
}

export interface TreeOptions {
  readonly walk: "descriptors" | "paths";
  readonly throughLinks: "refuse" | "inside";
  readonly maxDepth: number;
  /** Called with the path of every folder that is removed, those within it included. */
  readonly onRemoved?: (path: string) => void;
}

/** Whether folders can be held by descriptor here. Node has no openat; on Linux /proc stands in for it. */
export function canWalkByDescriptor(root: string): boolean {
  if (process.platform !== "linux") return false;
  const fd = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const through = statSync(`/proc/self/fd/${fd}/.`);
    const direct = fstatSync(fd);
    return through.ino === direct.ino && through.dev === direct.dev;
  } catch {
    return false;
  } finally {
    closeSync(fd);
  }
}

/**
 * The folders under a root, reached part by part without the kernel ever following a link. A folder is held open, and
 * its children are addressed as `/proc/self/fd/N/name`: what that names cannot be swapped by renaming things around it.
 */
export class Tree {
  readonly root: Folder;
  readonly #options: TreeOptions;
  /** Stays open whatever else is opened, until another takes its place. */
  pinned: Folder | undefined;
  /** By path; the least recently used first. */
  readonly #open = new Map<string, Folder>();

  constructor(root: string, options: TreeOptions) {
    this.#options = options;
    this.root = this.#openFolder("", root);
  }

  close(): void {
    for (const folder of this.#open.values()) closeFolder(folder);
    this.#open.clear();
    closeFolder(this.root);
  }

  /**
   * The folder at these parts.
   * @param create make folders that are missing; otherwise undefined stands for them
   * @throws LadingError ERR_LADING_UNSAFE_PATH when a part is a link or no folder
   */
  folder(parts: readonly string[], create: boolean, name: string): Folder | undefined {
    if (parts.length === 0) return this.root;
    const path = parts.join("/");
    const known = this.#recall(path);
    if (known !== undefined) return known;
    return this.#walk(parts, create, name);
  }

  #walk(parts: readonly string[], create: boolean, name: string): Folder | undefined {
    let folder = this.root;
    const ahead = [...parts].reverse();
    let links = 0;
    for (let part = ahead.pop(); part !== undefined; part = ahead.pop()) {
      if (part === "" || part === ".") continue;
      if (part === "..") {
        // Only links bring these in. The path of an open folder has no links, so its parent is what it reads like.
        folder = this.#walk(folder.path.split("/").slice(0, -1), false, name) ?? this.root;
        continue;
      }
      const path = pathIn(folder, part);
      const known = this.#recall(path);
      if (known !== undefined) {
        folder = known;
        continue;
      }
      const at = `${folder.base}/${part}`;
      const real = this.#openReal(path, at);
      if (real !== undefined) {
        folder = this.#remember(real);
        continue;
      }
      const stats = statOf(at);
      if (stats === undefined) {
        if (!create) return undefined;
        if (path.split("/").length > this.#options.maxDepth) throw unsafePath(name, "it leads too deep");
        mkdirSync(at);
        folder = this.#remember(this.#openFolder(path, at));
        continue;
      }
      if (!stats.isSymbolicLink()) throw unsafePath(name, `${JSON.stringify(path)} is not a folder`);
      if (this.#options.throughLinks === "refuse") {
        throw unsafePath(
          name,
          `${JSON.stringify(path)} is a symbolic link, and nothing is written through links`,
        );
      }
      if (++links > maxLinks) throw unsafePath(name, "it leads through too many symbolic links");
      const target = readlinkSync(at);
      if (target.startsWith("/")) folder = this.root;
      ahead.push(...target.split("/").reverse());
    }
    return folder;
  }

  /** Takes away what is at `part`, of whatever type; folders with all that is in them. */
  *remove(folder: Folder, part: string, stats = statOf(`${folder.base}/${part}`)): Generator<void> {
    if (stats === undefined) return;
    const at = `${folder.base}/${part}`;
    if (!stats.isDirectory()) {
      unlinkSync(at);
      return;
    }
    const path = pathIn(folder, part);
    this.#forget(path);
    const inner = this.#openAnyMode(path, at);
    try {
      // A tree that was unpacked before may have folders that even their owner cannot change.
      if ((stats.mode & 0o300) !== 0o300) chmodSync(inner.base, 0o700);
      for (const child of readdirSync(inner.base)) {
        yield;
        yield* this.remove(inner, child);
      }
    } finally {
      closeFolder(inner);
    }
    rmdirSync(at);
    this.#options.onRemoved?.(path);
  }

  #openFolder(path: string, at: string): Folder {
    if (this.#options.walk === "descriptors") {
      const fd = openSync(at, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
      return { path, base: `/proc/self/fd/${fd}`, fd };
    }
    if (!lstatSync(at).isDirectory()) throw unsafePath(path, "it is not a folder");
    return { path, base: at, fd: -1 };
  }

  /** The folder there; undefined when nothing is, or something else. */
  #openReal(path: string, at: string): Folder | undefined {
    if (this.#options.walk === "paths" && statOf(at)?.isDirectory() !== true) return undefined;
    try {
      return this.#openFolder(path, at);
    } catch (error) {
      if (["ENOENT", "ENOTDIR", "ELOOP"].includes(systemCode(error) ?? "")) return undefined;
      throw error;
    }
  }

  #openAnyMode(path: string, at: string): Folder {
    try {
      return this.#openFolder(path, at);
    } catch (error) {
      if (systemCode(error) !== "EACCES") throw error;
      chmodSync(at, 0o700);
      return this.#openFolder(path, at);
    }
  }

  #recall(path: string): Folder | undefined {
    const known = this.#open.get(path);
    if (known === undefined) return undefined;
    if (this.#open.size > maxOpen / 2) {
      this.#open.delete(path);
      this.#open.set(path, known);
    }
    return known;
  }

  #remember(folder: Folder): Folder {
    if (this.#open.size >= maxOpen) {
      for (const oldest of this.#open.values()) {
        if (oldest === this.pinned) continue;
        this.#open.delete(oldest.path);
        closeFolder(oldest);
        break;
      }
    }
    this.#open.set(folder.path, folder);
    return folder;
  }

  /** Lets go of a folder that is about to vanish, and of those below it. */
  #forget(path: string): void {
    for (const folder of [...this.#open.values()]) {
      if (folder.path === path || folder.path.startsWith(`${path}/`)) {
        this.#open.delete(folder.path);
        closeFolder(folder);
      }
    }
  }
}

function closeFolder(folder: Folder): void {
  if (folder.fd >= 0) closeSync(folder.fd);
}

export function pathIn(folder: Folder, part: string): string {
  return folder.path === "" ? part : `${folder.path}/${part}`;
}

/** What is there, links not followed; undefined when nothing is. */
export function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
