import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { commandReference } from "./command-reference.ts";

test("docs/commands.md says what the command tree says", () => {
  const path = join(process.env["LADING_ROOT"] ?? process.cwd(), "docs/commands.md");
  // LADING_WRITE_DOCS=1 npm test -- test/docs/reference.test.ts
  if (process.env["LADING_WRITE_DOCS"]) writeFileSync(path, commandReference());
  assert.equal(readFileSync(path, "utf8"), commandReference());
});
