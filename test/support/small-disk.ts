import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { findProgram, needs } from "./peers.ts";
import { removeFolder } from "./tmp.ts";

/** Options for a test that mounts a file system. */
export const needsSmallDisk: { readonly skip: string | false } =
  process.getuid?.() === 0 ? needs("mount", "umount") : { skip: "needs root to mount a small file system" };

/**
 * The path of a file system of so many MiB, called `full`, in a fresh folder that has room. Both go away with the test,
 * whatever still has files open there.
 */
export async function smallDisk(t: TestContext, mebibytes: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "lading-disk-"));
  const disk = join(folder, "full");
  let mounted = false;
  t.after(async () => {
    // Lazily: a registry that is closed by a later hook may be at work there.
    if (mounted) execFileSync(findProgram("umount") ?? "umount", ["-l", disk]);
    await removeFolder(folder);
  });
  await mkdir(disk);
  execFileSync(findProgram("mount") ?? "mount", ["-t", "tmpfs", "-o", `size=${mebibytes}m`, "tmpfs", disk]);
  mounted = true;
  return disk;
}
