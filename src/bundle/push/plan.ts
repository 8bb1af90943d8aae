import { basename, join } from "node:path";
import { LadingError } from "../../errors.ts";
import { goFileMode } from "../../formats/tar/go-header.ts";
import type { PlannedEntry } from "../../image/layer/input.ts";
import { sortByName } from "../../image/layer/layer-path.ts";
import { checkName } from "../../image/layer/read-folder.ts";
import type { TimeSlice } from "../../image/time-slice.ts";
import { during } from "../steps.ts";
import {
  type BundleDiskInput,
  type BundleEntriesInput,
  type BundleLayerInput,
  defaultExclude,
  shownName,
} from "./input.ts";
import { openInput } from "./open-input.ts";
import { walkSorted } from "./walk.ts";

const folderMode = 0o700;
const fileMode = 0o600;

/**
 * The entries of a bundle's layer in imgpkg's order: input by input, each folder as `.` with what is in it.
 * @param preserveModes gives every folder the mode of the input's root: that is how imgpkg does it
 * @throws LadingError ERR_LADING_USAGE for a path that comes up twice, and for links and what else is no file,
 *   ERR_LADING_UNSUPPORTED for whiteouts and names that are not UTF-8, ERR_LADING_NOT_FOUND and ERR_LADING_STORE for what
 *   cannot be read
 */
export async function planBundleLayer(
  inputs: readonly BundleLayerInput[],
  slice: TimeSlice,
  preserveModes: boolean,
): Promise<readonly PlannedEntry[]> {
  const plan = new Plan();
  for (const input of inputs) {
    if ("entries" in input) addEntries(plan, input);
    else await addFromDisk(plan, input, slice, preserveModes);
  }
  return await plan.checked();
}

class Plan {
  readonly #entries: PlannedEntry[] = [];
  readonly #names = new Set<string>();
  readonly #twice = new Set<string>();
  #notRegular: { readonly input: string; readonly path: string } | undefined;

  add(entry: PlannedEntry): void {
    this.#entries.push(entry);
    // Every folder that is given has a root of its own.
    if (entry.name === ".") return;
    if (this.#names.has(entry.name)) this.#twice.add(entry.name);
    this.#names.add(entry.name);
  }

  /** Told when all is known: a path that comes up twice is told before. */
  refuse(input: string, path: string): void {
    this.#notRegular ??= { input, path };
  }

  async checked(): Promise<readonly PlannedEntry[]> {
    if (this.#twice.size > 0) {
      const paths = [...this.#twice].sort().join(", ");
      throw new LadingError("ERR_LADING_USAGE", `Found duplicate paths: ${paths}`);
    }
    const wrong = this.#notRegular;
    if (wrong !== undefined) {
      await during(`Adding file '${wrong.input}' to tar`, () => {
        throw new LadingError(
          "ERR_LADING_UNSUPPORTED",
          `Expected file '${wrong.path}' to be a regular file`,
          {
            place: wrong.path,
          },
        );
      });
    }
    return this.#entries;
  }
}

function addEntries(plan: Plan, { entries }: BundleEntriesInput): void {
  plan.add({ name: ".", type: "directory", from: ".", onDisk: false, mode: folderMode });
  for (const { name, bytes } of sortByName([...entries])) {
    if (name === "" || name === "." || name === ".." || /[/\0]/.test(name)) {
      throw new LadingError("ERR_LADING_USAGE", `not the name of a file at a layer's root: '${name}'`);
    }
    plan.add({ name, type: "file", from: name, onDisk: false, bytes, mode: fileMode });
  }
}

async function addFromDisk(
  plan: Plan,
  input: BundleDiskInput,
  slice: TimeSlice,
  preserveModes: boolean,
): Promise<void> {
  const exclude = new Set(input.exclude ?? defaultExclude);
  const { path, stat } = openInput(input);
  const shown = shownName(input);
  if (!stat.isDirectory()) {
    const name = basename(input.path);
    if (exclude.has(name)) return;
    checkName(name, shown);
    if (stat.isFile()) plan.add({ name, type: "file", from: path, onDisk: true });
    else plan.refuse(shown, shown);
    return;
  }
  if (exclude.has(".")) return;
  const mode = preserveModes ? goFileMode(stat.mode) : folderMode;
  plan.add({ name: ".", type: "directory", from: path, onDisk: true, mode });
  const enter = (folder: string) => !exclude.has(folder);
  for await (const { relative, entry } of walkSorted(path, slice, { enter })) {
    if (exclude.has(relative)) continue;
    checkName(entry.name, join(shown, relative));
    const from = join(path, relative);
    if (entry.isDirectory()) plan.add({ name: relative, type: "directory", from, onDisk: true, mode });
    else if (entry.isFile()) plan.add({ name: relative, type: "file", from, onDisk: true });
    else plan.refuse(shown, join(shown, relative));
  }
}
