import { randomBytes } from "node:crypto";
import { readdir, readFile, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { digestOf } from "../../bytes/hash.ts";
import { type Digest, hexOf } from "../../spec/digest.ts";
import { makeFolder } from "../make-folder.ts";

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
  // Looked at once: what other processes begin meanwhile is theirs.
  let begun: Promise<ReadonlySet<string>> | undefined;
  return {
    find: async (digest) => {
      begun ??= readdir(dir).then(
        (names) => new Set(names),
        () => new Set<string>(),
      );
      if (!(await begun).has(basename(fileOf(digest)))) return undefined;
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
      const entry = {
        digest,
        location: location.href,
        repository: repositoryLabel,
        updated: new Date().toISOString(),
      };
      const write = async () => {
        await makeFolder(dir, 0o700);
        await writeFile(temporary, JSON.stringify(entry), { mode: 0o600, flag: "wx" });
      };
      try {
        // Once more: another blob that was done may just have taken the folder away.
        await write().catch(write);
        await rename(temporary, fileOf(digest));
      } catch {
        await rm(temporary, { force: true }).catch(() => {});
      }
    },
    drop: async (digest) => {
      try {
        await rm(fileOf(digest), { force: true });
        // Empty folders of repositories that are done with would pile up; one that is in use is not empty.
        await rmdir(dir);
        await rmdir(dirname(dir));
      } catch {
        // Somebody else's file is in there, or nothing was kept in the first place.
      }
    },
  };
}
