import { type ImageFile, openFilesystem } from "../../image/filesystem/filesystem.ts";
import type { Context, OptionsOf, Outcome } from "../command.ts";
import { imageOf } from "../image-of.ts";
import { Places } from "../places.ts";
import { printable, table } from "../table.ts";
import type { imageLsSpec } from "../tree/places.ts";

type Options = OptionsOf<typeof imageLsSpec>;

export async function run(
  options: Options,
  context: Context,
  [name = "", path = "/"]: readonly string[],
): Promise<Outcome> {
  await using places = new Places(options, context);
  const place = await places.source(name);
  const { manifest } = await imageOf(place, options.platform, context);
  const filesystem = await openFilesystem(place.source, manifest, { signal: context.signal });
  const files: ImageFile[] = [];
  for await (const file of filesystem.walk(path)) files.push(file);
  const text = options.long
    ? table(files.map(longRow), [2])
    : files.map((file) => printable(file.path) + (file.type === "directory" ? "/" : "")).join("\n");
  return { data: { files }, text };
}

function longRow(file: ImageFile): string[] {
  const { path, type, mode, uid, gid, size, linkName } = file;
  const arrow = linkName !== undefined && type === "symlink" ? ` -> ${printable(linkName)}` : "";
  return [modeText(type, mode), `${uid}:${gid}`, String(size), printable(path) + arrow];
}

const letters: Readonly<Record<ImageFile["type"], string>> = {
  file: "-",
  directory: "d",
  symlink: "l",
  character: "c",
  block: "b",
  fifo: "p",
};

/** `-rwxr-xr-x`, as ls writes it. */
function modeText(type: ImageFile["type"], mode: number): string {
  const bits = [0o400, 0o200, 0o100, 0o40, 0o20, 0o10, 0o4, 0o2, 0o1].map((bit, i) =>
    (mode & bit) === 0 ? "-" : ("rwx"[i % 3] ?? ""),
  );
  const special = (bit: number, at: number, letter: string) => {
    if ((mode & bit) !== 0) bits[at] = bits[at] === "-" ? letter.toUpperCase() : letter;
  };
  special(0o4000, 2, "s");
  special(0o2000, 5, "s");
  special(0o1000, 8, "t");
  return letters[type] + bits.join("");
}
