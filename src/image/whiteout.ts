import { unsafePath } from "./unpack/entry-path.ts";

const prefix = ".wh.";
const opaque = ".wh..wh..opq";
/** What AUFS kept for itself; it may turn up in old layers and means nothing. */
const metadata = ".wh..wh.";

/** What a whiteout takes away from the layers below: one name, all that is in its folder, or nothing. */
export type Whiteout =
  | { readonly hides: "name"; readonly name: string }
  | { readonly hides: "all" | "nothing" };

/**
 * Reads an entry's last name as a whiteout (image-spec, "Whiteouts").
 * @throws LadingError ERR_LADING_UNSAFE_PATH when what it hides is no name, or when the prefix is put to other use
 */
export function parseWhiteout(path: string, folders: readonly string[], name: string): Whiteout | undefined {
  if (folders.some((folder) => folder.startsWith(metadata))) return { hides: "nothing" };
  if (folders.some((folder) => folder.startsWith(prefix))) {
    throw unsafePath(path, `names that begin with '${prefix}' are reserved for whiteouts`);
  }
  if (!name.startsWith(prefix)) return undefined;
  if (name === opaque) return { hides: "all" };
  if (name.startsWith(metadata)) return { hides: "nothing" };
  const hidden = name.slice(prefix.length);
  if (hidden === "" || hidden === "." || hidden === "..") {
    throw unsafePath(path, "it is a whiteout of no name, which would take away a whole folder");
  }
  return { hides: "name", name: hidden };
}
