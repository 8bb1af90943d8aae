import assert from "node:assert/strict";
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { isLadingError } from "../../src/errors.ts";
import { unpackImage } from "../../src/image/unpack/unpack.ts";
import { layerImage } from "../support/layer-image.ts";
import { type EntrySpec, tarOf } from "../support/tar.ts";
import { tempDir } from "../support/tmp.ts";
import { treeOf } from "../support/tree.ts";

/** Stands in names and link targets for a folder outside the target, absolute. */
export const outside = "@OUTSIDE@";

export interface Attack {
  /** What must happen by default: this error, or "harmless", where it goes well without harm. */
  readonly expect: "ERR_LADING_UNSAFE_PATH" | "ERR_LADING_ARCHIVE" | "harmless";
  /** What is in the target when the attack ends harmlessly. */
  readonly leaves?: readonly string[];
  readonly similarNames?: "refuse";
  readonly layers: readonly (readonly EntrySpec[])[];
}

/**
 * Unpacks the attack in each way that there is. A folder outside the target holds a canary file, reachable by absolute
 * and by relative paths: it must not be read, written, linked, moved or changed in mode or time, and nothing may be
 * added beside it.
 */
export function resists(name: string, attack: Attack): void {
  for (const walk of ["descriptors", "paths"] as const) {
    for (const throughLinks of ["refuse", "inside"] as const) {
      for (const existing of ["nothing", "content"] as const) {
        test(`${name} (by ${walk}, links ${throughLinks}, over ${existing})`, async (t) => {
          const base = await tempDir(t);
          const victim = join(base, "outside");
          mkdirSync(join(victim, "folder"), { recursive: true });
          writeFileSync(join(victim, "canary"), "untouched");
          writeFileSync(join(victim, "folder", "canary"), "untouched");
          const target = join(base, "target");
          if (existing === "content") {
            mkdirSync(target);
            // What an earlier pull may have left must not help either.
            symlinkSync(victim, join(target, "x"));
            symlinkSync(victim, join(target, "dir"));
          }
          const before = treeOf(victim, { times: true });
          const place = (text: string): string => text.replaceAll(outside, victim);
          const tars = attack.layers.map((specs) =>
            tarOf(
              ...specs.map((spec) => ({
                ...spec,
                name: place(spec.name),
                ...(spec.linkName === undefined ? {} : { linkName: place(spec.linkName) }),
              })),
            ),
          );
          const { source, manifest } = layerImage(tars);
          const unpacking = unpackImage(source, manifest, target, {
            walk,
            throughLinks,
            existing: "replace",
            ...(attack.similarNames === undefined ? {} : { similarNames: attack.similarNames }),
          });
          const failure = await unpacking.then(
            () => undefined,
            (error: unknown) => error,
          );
          if (attack.expect === "harmless") assert.equal(failure, undefined);
          else if (throughLinks === "refuse" || failure !== undefined) {
            assert.ok(isLadingError(failure), String(failure));
            // Taken inside, a link may lead to nothing at all.
            const codes: readonly string[] =
              throughLinks === "refuse" ? [attack.expect] : [attack.expect, "ERR_LADING_ARCHIVE"];
            assert.ok(codes.includes(failure.code), failure.code);
          }
          assert.deepEqual(treeOf(victim, { times: true }), before);
          assert.deepEqual(
            readdirSync(base).filter((entry) => entry !== "target"),
            ["outside"],
          );
          if (failure === undefined && attack.leaves !== undefined) {
            assert.deepEqual(
              treeOf(target).map((line) => line.replaceAll(victim, outside)),
              attack.leaves,
            );
          }
        });
      }
    }
  }
}

export const directory = (name: string): EntrySpec => ({ name, type: "directory" });
export const file = (name: string, data = "evil"): EntrySpec => ({ name, data });
export const symlink = (name: string, linkName: string): EntrySpec => ({ name, type: "symlink", linkName });
export const hardLink = (name: string, linkName: string): EntrySpec => ({ name, type: "hardlink", linkName });
