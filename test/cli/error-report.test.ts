import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { paintFor } from "../../src/cli/color.ts";
import { formatError, hintAs, reportOf } from "../../src/cli/error-report.ts";
import { exitCodeOf, exitCodes } from "../../src/cli/exit-codes.ts";
import { Interrupted } from "../../src/cli/interrupt.ts";
import { type ErrorCode, errorCodes, LadingError, PartialError } from "../../src/errors.ts";
import { tempDir } from "../support/tmp.ts";

const paint = paintFor("never", {}, {});

function thrownBy(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return assert.fail("nothing was thrown");
}

test("an error is three lines at most", () => {
  const error = new LadingError("ERR_LADING_DENIED", "may not push", {
    place: "registry.example/app",
    hint: "log in",
    cause: new Error("status 403"),
  });
  assert.equal(
    formatError(error, paint, false),
    "error ERR_LADING_DENIED: may not push\n  at registry.example/app\n  hint: log in",
  );
});

test("debug adds every cause and where it was", () => {
  const error = new LadingError("ERR_LADING_NETWORK", "no answer", {
    cause: new Error("connect ECONNREFUSED"),
  });
  const text = formatError(error, paint, true);
  assert.match(text, /caused by: connect ECONNREFUSED/);
  assert.match(text, /\n {4}at /);
});

test("a cause that is its own cause ends", () => {
  const error = new Error("round");
  error.cause = error;
  assert.match(formatError(error, paint, true), /round/);
});

test("every code has an exit code of the table", () => {
  const known: number[] = Object.values(exitCodes);
  for (const code of Object.keys(errorCodes) as ErrorCode[])
    assert.ok(known.includes(exitCodeOf(code)), code);
  assert.equal(exitCodeOf("ERR_LADING_REFERENCE"), 2);
  assert.equal(exitCodeOf("ERR_LADING_DIGEST_MISMATCH"), 5);
});

test("errors of the system are told as people say them", async (t) => {
  const path = join(await tempDir(t), "absent");
  const error = thrownBy(() => readFileSync(path));
  assert.deepEqual(reportOf(error), {
    code: "ERR_LADING_NOT_FOUND",
    message: `${path}: no such file or directory`,
    hint: "check the path",
    exitCode: 3,
  });
});

test("a file that is not there is looked for by its path, and not among tags", () => {
  const cause = Object.assign(new Error("ENOENT: no such file or directory, open 'x'"), { code: "ENOENT" });
  assert.equal(
    reportOf(new LadingError("ERR_LADING_NOT_FOUND", "cannot open x", { cause })).hint,
    "check the path",
  );
  assert.match(reportOf(new LadingError("ERR_LADING_NOT_FOUND", "no image")).hint ?? "", /lading tag list/);
});

test("hints name the program as it was called, and the help of the command that failed", () => {
  const wrong = new LadingError("ERR_LADING_USAGE", "either this or that");
  assert.equal(reportOf(wrong).hint, "see lading --help");
  assert.equal(reportOf(wrong, { program: "ld", command: "tag list" }).hint, "see ld tag list --help");
  assert.equal(
    hintAs("log in with `lading login h`, or ask", "imgpkg"),
    "log in with `imgpkg login h`, or ask",
  );
  assert.equal(
    hintAs("run lading image inspect, or lading --help", "ld"),
    "run ld image inspect, or ld --help",
  );
  for (const text of [
    "on a terminal lading asks for both",
    "a mistake in lading; run it again",
    "lading-login x",
  ])
    assert.equal(hintAs(text, "imgpkg"), text);
});

test("an interrupt is one word and its own exit code", () => {
  assert.equal(formatError(new Interrupted("SIGINT"), paint, false), "interrupted");
  assert.equal(reportOf(new Interrupted("SIGTERM")).exitCode, 130);
});

test("a partial failure lists its parts", () => {
  const error = new PartialError("1 of 2 failed", [new LadingError("ERR_LADING_ARCHIVE", "cut short")]);
  assert.equal(
    formatError(error, paint, false),
    "error ERR_LADING_PARTIAL: 1 of 2 failed\n" +
      "  hint: run the same again: what is done is not done twice\n" +
      "  error ERR_LADING_ARCHIVE: cut short\n" +
      "    hint: the archive is damaged or cut short: get it anew",
  );
  assert.equal(reportOf(error).exitCode, 6);
});

test("anything else is called a mistake of ours", () => {
  assert.match(
    formatError(new TypeError("x is not a function"), paint, false),
    /hint: this looks like a mistake/,
  );
  assert.equal(reportOf("text").message, "text");
});

test("colours follow the flag, NO_COLOR and the terminal", () => {
  const red = (when: string, isTTY: boolean, env: Record<string, string>) =>
    paintFor(when, { isTTY }, env).red("x") !== "x";
  assert.deepEqual(
    [
      red("auto", true, {}),
      red("auto", false, {}),
      red("auto", true, { NO_COLOR: "1" }),
      red("auto", true, { NO_COLOR: "" }),
      red("auto", true, { TERM: "dumb" }),
      red("always", false, { NO_COLOR: "1" }),
      red("never", true, {}),
      red("auto", false, { FORCE_COLOR: "1" }),
    ],
    [true, false, false, true, false, true, false, true],
  );
});
