import { randomBytes } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { digestOf } from "../../bytes/hash.ts";
import { type Digest, hexOf } from "../../spec/digest.ts";

/** Keeps where unfinished uploads go on, so that a run after a killed one does not start at zero. */
export interface UploadJournal {
  /** The session's URL, undefined when there is none. */
  find(digest: Digest): Promise<URL | undefined>;
  keep(digest: Digest, location: URL): Promise<void>;
  drop(digest: Digest): Promise<void>;
}

/**
 * One file per blob, so that no lock is needed: 0600, no tokens in it. It is only a hint: what cannot be read or written
 * costs nothing but the resume.
 * @param stateDir the folder for state; one below it per repository
 */
export function createUploadJournal(stateDir: string, repositoryLabel: string): UploadJournal {
  const dir = join(stateDir, hexOf(digestOf(repositoryLabel)), "uploads");
  const fileOf = (digest: Digest): string => join(dir, `${digest.replace(":", "-")}.json`);
  return {
    find: async (digest) => {
      try {
        const entry = JSON.parse(await readFile(fileOf(digest), "utf8")) as {
          digest?: unknown;
          location?: unknown;
        };
        return entry.digest === digest && typeof entry.location === "string"
          ? new URL(entry.location)
          : undefined;
      } catch {
        return undefined;
      }
    },
    keep: async (digest, location) => {
      const temporary = `${fileOf(digest)}.${randomBytes(6).toString("hex")}`;
      try {
        await mkdir(dir, { recursive: true, mode: 0o700 });
        const entry = {
          digest,
          location: location.href,
          repository: repositoryLabel,
          updated: new Date().toISOString(),
        };
        await writeFile(temporary, JSON.stringify(entry), { mode: 0o600, flag: "wx" });
        await rename(temporary, fileOf(digest));
      } catch {
        await rm(temporary, { force: true }).catch(() => {});
      }
    },
    drop: async (digest) => {
      await rm(fileOf(digest), { force: true }).catch(() => {});
    },
  };
}
