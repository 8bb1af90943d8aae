/** What goes into a layer: something on disk, or entries made in memory. */
export type LayerInput = DiskInput | EntriesInput;

/** A folder with everything below it, or one file. */
export interface DiskInput {
  /** On disk. When this is a symbolic link it is followed; links below it go into the layer as they are. */
  readonly path: string;
  /**
   * Where it goes: a folder's content goes below this path (default: the layer's root), a file is called so (default:
   * its own name).
   */
  readonly at?: string;
  /**
   * Paths below `path` to leave out, with all that is in them: exact, relative, separated by `/`. A single file is left
   * out by its own name. Default `[".git"]`.
   */
  readonly exclude?: readonly string[];
}

/** Files that are nowhere on disk. Folders above them need not be listed. */
export interface EntriesInput {
  readonly entries: readonly LayerEntry[];
}

export type LayerEntry =
  | {
      readonly type?: "file";
      /** Path in the layer, separated by `/`. */
      readonly name: string;
      readonly bytes: Uint8Array;
      /** Permission bits up to 0o7777, used as they are. Default 0o644. */
      readonly mode?: number;
    }
  | {
      readonly type: "directory";
      readonly name: string;
      readonly mode?: number;
    }
  | {
      readonly type: "symlink";
      readonly name: string;
      readonly linkName: string;
    };

/** One entry of the layer to be, before its content is read. */
export interface PlannedEntry {
  /** Path in the layer: relative, no `/` at its end. */
  readonly name: string;
  readonly type: "file" | "directory" | "symlink";
  /** Where messages say that it comes from: a path on disk, or the name of an entry. */
  readonly from: string;
  readonly onDisk: boolean;
  readonly bytes?: Uint8Array;
  readonly linkName?: string;
  readonly mode?: number;
}
