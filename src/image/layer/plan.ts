import { LadingError } from "../../errors.ts";
import type { TimeSlice } from "../time-slice.ts";
import type { LayerInput, PlannedEntry } from "./input.ts";
import { layerPath, parentsOf, sortByName } from "./layer-path.ts";
import { walk } from "./walk.ts";

/**
 * All entries of a layer in their order: by the bytes of their paths, so parents come before children. A folder that
 * several inputs have is one folder; folders that are only implied by a path are added.
 * @throws LadingError ERR_LADING_USAGE when two inputs want to put different things at one path; what `walk` throws
 */
export async function planLayer(
  inputs: readonly LayerInput[],
  slice: TimeSlice,
): Promise<readonly PlannedEntry[]> {
  const entries = new Map<string, PlannedEntry>();
  const implied = new Map<string, string>();

  const add = (entry: PlannedEntry): void => {
    const other = entries.get(entry.name);
    if (other === undefined) entries.set(entry.name, entry);
    else if (other.type !== "directory" || entry.type !== "directory")
      throw twice(entry.name, other.from, entry.from);
  };
  const addParents = (name: string, from: string): void => {
    for (const parent of parentsOf(name)) implied.set(parent, from);
  };

  for (const input of inputs) {
    if ("entries" in input) {
      for (const entry of input.entries) {
        const planned = fromMemory(entry);
        add(planned);
        addParents(planned.name, planned.from);
      }
    } else {
      let first = true;
      for await (const planned of walk(input, slice)) {
        add(planned);
        // Below the first one, every folder is listed itself.
        if (first) addParents(planned.name, planned.from);
        first = false;
      }
    }
  }
  for (const [name, from] of implied) {
    const other = entries.get(name);
    if (other === undefined) entries.set(name, { name, type: "directory", from, onDisk: false });
    else if (other.type !== "directory") throw twice(name, other.from, from);
  }
  return sortByName([...entries.values()]);
}

function fromMemory(entry: Extract<LayerInput, { entries: unknown }>["entries"][number]): PlannedEntry {
  const name = layerPath(entry.name);
  if (name === "") throw new LadingError("ERR_LADING_USAGE", "an entry of a layer needs a name");
  const base = { name, from: entry.name, onDisk: false };
  switch (entry.type) {
    case "symlink":
      return { ...base, type: "symlink", linkName: entry.linkName };
    case "directory":
      return {
        ...base,
        type: "directory",
        ...(entry.mode === undefined ? {} : { mode: entry.mode }),
      };
    default:
      return {
        ...base,
        type: "file",
        bytes: entry.bytes,
        ...(entry.mode === undefined ? {} : { mode: entry.mode }),
      };
  }
}

function twice(name: string, one: string, other: string): LadingError {
  return new LadingError("ERR_LADING_USAGE", `two inputs have ${name}: ${one} and ${other}`, {
    hint: "leave one of them out",
  });
}
