/** The lock that `push` and `copy` write of what they have done. */
import { realpath, stat, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { during } from "../bundle/steps.ts";
import { streamOf } from "../bytes/stream.ts";
import { LadingError } from "../errors.ts";
import { storeError } from "../stores/store-error.ts";
import type { Context } from "./command.ts";
import { writeOutputFile } from "./output-file.ts";
import { systemReason } from "./system-error.ts";

/** The file of `--lock-output`. */
export interface LockOutput {
  readonly path: string;
  /** As the user wrote it. */
  readonly shown: string;
  readonly kind: "bundle" | "images";
}

export function lockOutputAt(shown: string, kind: LockOutput["kind"], { environment }: Context): LockOutput {
  return { path: resolve(environment.cwd, shown), shown, kind };
}

/**
 * Refuses a lock that could not be written afterwards, when what it describes has been pushed or copied.
 * @throws LadingError ERR_LADING_NOT_FOUND for the folder, in imgpkg's words
 */
export async function checkLockOutput({ path, shown, kind }: LockOutput): Promise<void> {
  const folder = dirname(path);
  await stat(folder).catch((error: unknown) => {
    throw new LadingError(
      "ERR_LADING_NOT_FOUND",
      `Writing ${kind} config: open ${shown}: ${systemReason(error)}`,
      { hint: `the folder ${dirname(shown)} has to be there`, cause: error },
    );
  });
}

/**
 * Writes what `--lock-output` asks for. A file that is there keeps its mode, a new one is its owner's alone (as imgpkg has
 * it); a link is followed, and what is no file, such as `/dev/stdout`, is written to as it is.
 * @throws what `writeOutputFile` throws
 */
export async function writeLockOutput({ path, kind }: LockOutput, text: string): Promise<void> {
  await during(`Writing ${kind} config`, async () => {
    const found = await stat(path).catch(() => undefined);
    if (found !== undefined && !found.isFile() && !found.isDirectory()) {
      return await writeFile(path, text).catch((error: unknown) => {
        throw storeError(error, path, "the file cannot be written");
      });
    }
    const target = await realpath(path).catch(() => path);
    await writeOutputFile(target, streamOf(Buffer.from(text)), (found?.mode ?? 0o600) & 0o777);
  });
}
