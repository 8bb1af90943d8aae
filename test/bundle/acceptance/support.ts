import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Ended, lading } from "../../cli/support/program.ts";

/** A shell in which only lading is known: a folder and the variables of its user. */
export interface Shell {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Runs a line that has to succeed. Words are split at blanks. */
export async function run(shell: Shell, line: string): Promise<Ended> {
  const ended = await lading(line.split(" "), shell);
  assert.equal(ended.code, 0, `lading ${line}\n${ended.stderr}`);
  return ended;
}

/** Runs a line that has to fail, and gives what it says. */
export async function fails(shell: Shell, line: string): Promise<string> {
  const ended = await lading(line.split(" "), shell);
  assert.notEqual(ended.code, 0, `lading ${line} succeeded\n${ended.stdout}`);
  assert.equal(ended.stdout, "");
  return ended.stderr;
}

export function put(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** A folder that is a bundle with these images in its lock. */
export function bundleFolder(folder: string, images: readonly string[], content = "a: 1\n"): string {
  const list = images.map((image) => `- image: ${image}\n`).join("");
  put(
    join(folder, ".imgpkg/images.yml"),
    `---\napiVersion: imgpkg.carvel.dev/v1alpha1\nimages:\n${list}kind: ImagesLock\n`,
  );
  put(join(folder, "config.yml"), content);
  return folder;
}

/** The digest that `tag resolve` prints, with its repository. */
export async function resolved(shell: Shell, reference: string): Promise<string> {
  return (await run(shell, `tag resolve -i ${reference}`)).stdout.trim();
}

/** The digest at the end of a reference. */
export function digestIn(reference: string): string {
  const digest = /sha256:[0-9a-f]{64}$/.exec(reference)?.[0];
  assert.ok(digest, `no digest in ${reference}`);
  return digest;
}

/** The tag of a bundle's locations image. */
export function locationsTagOf(bundle: string): string {
  return `${digestIn(bundle).replace(":", "-")}.image-locations.imgpkg`;
}
