import type { EventListener } from "../../events.ts";

export interface UnpackOptions {
  readonly on?: EventListener;
  readonly signal?: AbortSignal;
  /**
   * What to do when the target has content: "refuse" (the default) fails, "replace" puts the unpacked tree in its place.
   * The old content goes only when the new tree is whole. An empty folder is always fine.
   */
  readonly existing?: "refuse" | "replace";
  /**
   * Where the new tree is built: "beside" the target, to be renamed in one step, or "inside" it, and then moved up name by
   * name. Default: beside, except for targets that cannot be renamed (mount points, parents without write permission).
   */
  readonly staging?: "beside" | "inside";
  /** Give files the owners that the archive names, and exact modes in spite of the umask. Needs root. Default false. */
  readonly sameOwner?: boolean;
  /**
   * "kept" (the default): modes are what the archive says. "shared": as imgpkg unpacks, whose images hold the owner's bits
   * only. What is the owner's alone gets the owner's bits for group and others too, and every folder is open to all. The
   * umask takes its part in both.
   */
  readonly modes?: "kept" | "shared";
  /** Keep setuid, setgid and sticky bits. Default false. */
  readonly specialBits?: boolean;
  /** Set modification times as the archive says. Default true. */
  readonly times?: boolean;
  /**
   * Paths that lead through a symbolic link of the image: "refuse" (the default), or "inside", which takes the link as a
   * program within the unpacked tree would see it and so never leaves the target. Some images need that: their upper
   * layers write to `/lib` where the base made that a link. The kernel follows no link in either case.
   */
  readonly throughLinks?: "refuse" | "inside";
  /**
   * Names that are equal but for case or Unicode normalisation: "refuse" them, or "allow". Default: what the target's
   * file system needs, found out by a try.
   */
  readonly similarNames?: "refuse" | "allow";
  /**
   * How folders are held: by open "descriptors" (Linux; a folder swapped for a link during the work is not followed),
   * or by "paths" checked part by part. Default: descriptors where /proc makes that possible.
   */
  readonly walk?: "descriptors" | "paths";
  readonly limits?: Partial<UnpackLimits>;
}

export interface UnpackLimits {
  /** Entries of all layers together. */
  readonly entries: number;
  /** Logical bytes of all files together. */
  readonly bytes: number;
  /** Folders within folders. */
  readonly depth: number;
  /** Bytes of one path or link target. */
  readonly nameBytes: number;
  /** Bytes out per byte in, after the first 100 MiB of a layer. Default: as `decompress` has it. */
  readonly ratio?: number;
}

export const defaultUnpackLimits: UnpackLimits = {
  entries: 1_000_000,
  bytes: 2 ** 40,
  depth: 256,
  nameBytes: 4096,
};

export interface UnpackResult {
  readonly files: number;
  readonly directories: number;
  readonly symlinks: number;
  readonly hardLinks: number;
  /** Logical bytes of all files that were written, also of those that a later layer replaced. */
  readonly bytes: number;
  /** Devices and fifos, which are not made. */
  readonly skipped: number;
}
