// Compares folders file by file.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** Fails when a folder does not hold exactly what these folders held together; gives the number of files and folders. @param {readonly string[]} from @param {string} to @param {(path: string) => boolean} [ignored] */
export function sameTrees(from, to, ignored = () => false) {
  const wanted = new Map(from.flatMap((folder) => [...listing(folder)]));
  const found = listing(to);
  for (const [path, what] of wanted) {
    if (ignored(path) || found.get(path) === what) continue;
    throw new Error(`${path} is ${found.get(path) ?? "missing"} and not ${what}`);
  }
  for (const path of found.keys()) {
    if (!ignored(path) && !wanted.has(path)) throw new Error(`${path} is in ${to} and was not pushed`);
  }
  return wanted.size;
}

/** Path → what is there: kind, whether it runs, content. @param {string} folder @returns {Map<string, string>} */
function listing(folder, prefix = "") {
  const found = new Map();
  for (const entry of readdirSync(join(folder, prefix), { withFileTypes: true })) {
    const path = join(prefix, entry.name);
    const full = join(folder, path);
    if (entry.isDirectory()) {
      found.set(path, "a folder");
      for (const [below, what] of listing(folder, path)) found.set(below, what);
    } else {
      const kind = (statSync(full).mode & 0o100) === 0 ? "a file" : "a program";
      found.set(path, `${kind} ${createHash("sha256").update(readFileSync(full)).digest("hex")}`);
    }
  }
  return found;
}
