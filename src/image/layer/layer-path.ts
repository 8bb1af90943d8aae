import { LadingError } from "../../errors.ts";
import { quote } from "../../spec/digest.ts";

/**
 * A path in a layer as its tar has it: relative, parts separated by one `/`. A `/` at the start or end and parts that
 * are `.` are dropped; the root is "".
 * @throws LadingError ERR_LADING_UNSAFE_PATH for `..` and NUL
 */
export function layerPath(path: string): string {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..") || path.includes("\0")) {
    throw new LadingError("ERR_LADING_UNSAFE_PATH", `${quote(path)} is no path in a layer`, {
      hint: "use a path without .. parts",
    });
  }
  return parts.join("/");
}

/** The folders above a path, outermost first. */
export function parentsOf(name: string): string[] {
  const parents: string[] = [];
  for (let at = name.indexOf("/"); at !== -1; at = name.indexOf("/", at + 1)) parents.push(name.slice(0, at));
  return parents;
}

const beyondPlainOrder = /[\ud800-\uffff]/;

/**
 * Sorts by the names' bytes in UTF-8. JavaScript compares UTF-16 code units, which is the same except for characters
 * beyond U+D7FF.
 */
export function sortByName<T extends { readonly name: string }>(entries: T[]): T[] {
  const plain = !entries.some((entry) => beyondPlainOrder.test(entry.name));
  return entries.sort(
    plain
      ? (a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
      : (a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)),
  );
}
