import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

/**
 * A folder as lines: type, mode, path and what is in it. With `times`, also the modification times of all but links.
 * Hard links show with the first path of their file.
 */
export function treeOf(
  folder: string,
  options: { readonly times?: boolean; readonly owners?: boolean } = {},
): string[] {
  const lines: string[] = [];
  const inodes = new Map<number, string>();
  const visit = (path: string): void => {
    for (const name of readdirSync(join(folder, path)).sort()) {
      const inner = path === "" ? name : `${path}/${name}`;
      const full = join(folder, inner);
      const stats = lstatSync(full);
      const mode = (stats.mode & 0o7777).toString(8);
      const more =
        (options.times === true && !stats.isSymbolicLink() ? ` @${Math.floor(stats.mtimeMs / 1000)}` : "") +
        (options.owners === true ? ` ${stats.uid}:${stats.gid}` : "");
      if (stats.isSymbolicLink()) lines.push(`link ${inner} -> ${readlinkSync(full)}${more}`);
      else if (stats.isDirectory()) {
        lines.push(`dir ${mode} ${inner}${more}`);
        visit(inner);
      } else if (stats.isFile()) {
        const first = inodes.get(stats.ino);
        if (first !== undefined) lines.push(`hard ${inner} = ${first}`);
        else {
          if (stats.nlink > 1) inodes.set(stats.ino, inner);
          const bytes = readFileSync(full);
          const content =
            bytes.length <= 40 && !bytes.includes(10)
              ? JSON.stringify(bytes.toString())
              : createHash("sha256").update(bytes).digest("hex").slice(0, 16);
          lines.push(`file ${mode} ${inner} ${content}${more}`);
        }
      } else lines.push(`other ${mode} ${inner}`);
    }
  };
  visit("");
  return lines;
}
