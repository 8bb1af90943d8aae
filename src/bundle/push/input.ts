/** What goes into a bundle's layer. */
export type BundleLayerInput = BundleDiskInput | BundleEntriesInput;

/** A folder, whose content goes to the root of the layer, or one file, which goes there under its own name. */
export interface BundleDiskInput {
  /** Followed when it is a symbolic link. */
  readonly path: string;
  /** What messages call it, such as the path as the user wrote it. Default `path`. */
  readonly shown?: string;
  /**
   * Paths to leave out with all that is below them, relative to `path` and separated by `/`: the very text, no pattern. A
   * single file is left out by its own name. Default `[".git"]`.
   */
  readonly exclude?: readonly string[];
}

/** Files that are nowhere on disk, at the root of the layer. */
export interface BundleEntriesInput {
  readonly entries: readonly { readonly name: string; readonly bytes: Uint8Array }[];
}

export const defaultExclude: readonly string[] = [".git"];

export function shownName({ path, shown }: BundleDiskInput): string {
  return shown ?? path;
}
