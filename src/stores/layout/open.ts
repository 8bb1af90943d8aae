import { lstat, stat } from "node:fs/promises";
import { join } from "node:path";
import { collect } from "../../bytes/collect.ts";
import { atPlace, isLadingError, LadingError } from "../../errors.ts";
import { checkLayoutFile, formatLayoutIndex, layoutFile } from "../../spec/layout-files.ts";
import { openRegularFile, readRange } from "../file-body.ts";
import { makeFolder } from "../make-folder.ts";
import { storeError } from "../store-error.ts";
import { syncFolder } from "../sync-folder.ts";
import { LayoutStore, type LayoutStoreOptions } from "./layout-store.ts";
import { createWhole } from "./new-file.ts";
import { sweepLayout } from "./sweep.ts";

export interface OpenLayoutOptions extends LayoutStoreOptions {
  /** For writing: makes the layout when it is not there, and clears what dead processes left in it. */
  readonly create?: boolean;
}

/**
 * Opens an OCI image layout.
 * @throws LadingError ERR_LADING_NOT_FOUND when there is none and `create` is not set; ERR_LADING_DOCUMENT when it is of
 *   another version or built of links; ERR_LADING_STORE
 */
export async function openLayout(folder: string, options: OpenLayoutOptions = {}): Promise<LayoutStore> {
  const { create = false, ...rest } = options;
  const label = options.label ?? `oci:${folder}`;
  try {
    if (create) await createLayout(folder);
    await checkLayout(folder, label);
    if (create) await sweepLayout(folder);
  } catch (error) {
    const what = create ? `cannot make ${folder} a layout` : `cannot open ${folder}`;
    throw atPlace(storeError(error, label, what), label);
  }
  return new LayoutStore(folder, rest);
}

/** Several processes may do this at the same time: each file appears whole, and the first one stays. */
async function createLayout(folder: string): Promise<void> {
  await makeFolder(join(folder, "blobs", "sha256"));
  if (await isThere(join(folder, "oci-layout"))) {
    if (await isThere(join(folder, "index.json"))) return;
  }
  await createWhole(join(folder, "index.json"), formatLayoutIndex({ entries: [] }));
  // Last: with it the folder is a layout.
  await createWhole(join(folder, "oci-layout"), Buffer.from(layoutFile));
  await syncFolder(folder);
}

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

async function checkLayout(folder: string, label: string): Promise<void> {
  const info = await stat(folder).catch(() => undefined);
  if (info !== undefined && !info.isDirectory()) {
    throw new LadingError("ERR_LADING_STORE", `${folder} is not a folder`, {
      place: label,
      hint: "an OCI layout is a folder; for a tar of one write oci-archive: before the path",
    });
  }
  try {
    const { handle } = await openRegularFile(join(folder, "oci-layout"), label);
    checkLayoutFile(
      await collect(readRange(handle, { start: 0, end: 4097, close: true }), 8192, "oci-layout"),
    );
  } catch (error) {
    if (isLadingError(error) && error.code === "ERR_LADING_NOT_FOUND") {
      throw new LadingError("ERR_LADING_NOT_FOUND", `there is no OCI layout in ${folder}`, {
        place: label,
        hint: "a layout is a folder with the files oci-layout and index.json",
        cause: error,
      });
    }
    throw error;
  }
  for (const part of ["blobs", "blobs/sha256", "blobs/sha512"]) {
    const found = await lstat(join(folder, part)).catch(() => undefined);
    if (found !== undefined && !found.isDirectory()) {
      throw new LadingError("ERR_LADING_DOCUMENT", `${part} in ${folder} is not a folder of its own`, {
        place: label,
        hint: "links inside a layout are not followed: they could lead anywhere",
      });
    }
  }
}
