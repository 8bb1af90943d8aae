import { chmodSync, existsSync, readdirSync, rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

/** A fresh folder that goes away with the test. */
export async function tempDir(t: TestContext, parent = tmpdir()): Promise<string> {
  const dir = await mkdtemp(join(parent, "lading-test-"));
  t.after(() => removeFolder(dir));
  return dir;
}

/**
 * Never fails: hooks run in the order in which they were made, and one that throws keeps the others from running. What is
 * still written to by something that ends later goes with the process.
 */
export async function removeFolder(dir: string): Promise<void> {
  const options = { recursive: true, force: true, maxRetries: 3 };
  await rm(dir, options).catch(() => {
    process.once("exit", () => {
      if (existsSync(dir)) makeWritable(dir);
      rmSync(dir, options);
    });
  });
}

/** Without root nothing can be removed from a folder that a test has unpacked or made read-only. */
function makeWritable(dir: string): void {
  chmodSync(dir, 0o700);
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    if (entry.isDirectory()) makeWritable(join(dir, entry.name));
  }
}
