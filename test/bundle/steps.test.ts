import assert from "node:assert/strict";
import test from "node:test";
import { readBundleTree } from "../../src/bundle/read/tree.ts";
import { during, stepsOf } from "../../src/bundle/steps.ts";
import { LadingError } from "../../src/errors.ts";
import { parseReference } from "../../src/spec/reference.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { putBundle } from "../support/bundle-image.ts";
import { counted } from "../support/counted-source.ts";

const tick = () => new Promise((resolve) => setImmediate(resolve));

test("an error remembers the steps in which it happened, outermost first", async () => {
  const error = new LadingError("ERR_LADING_DOCUMENT", "no");
  const fail = async () => {
    await tick();
    throw error;
  };
  await assert.rejects(during("outer", () => Promise.all([during("inner", fail), during("other", tick)])));
  assert.deepEqual(stepsOf(error), ["outer", "inner"]);
  assert.deepEqual(stepsOf(new Error("none")), []);
});

test("an error that ends what else is under way does not take its steps for its own", async () => {
  const x = new MemoryStore("x");
  const images = Array.from({ length: 20 }, (_, i) => ({
    image: `example.com/x@sha256:${String(i).padStart(64, "0")}`,
  }));
  await putBundle(x, { images, tag: "v1" });
  const source = counted(x);
  const reading = during("Copying", () =>
    readBundleTree(
      { reference: parseReference("example.com/x:v1"), source },
      { open: async () => source },
      { concurrency: 4 },
    ),
  );
  await assert.rejects(reading, (error) => {
    assert.deepEqual(stepsOf(error), ["Copying", "Checking image existence"]);
    return true;
  });
});
