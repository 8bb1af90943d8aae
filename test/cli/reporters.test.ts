import assert from "node:assert/strict";
import test from "node:test";
import { digestOf } from "../../src/bytes/hash.ts";
import { paintFor } from "../../src/cli/color.ts";
import { chooseReporter } from "../../src/cli/reporters/choose.ts";
import { jsonReporter } from "../../src/cli/reporters/json.ts";
import { plainReporter } from "../../src/cli/reporters/plain.ts";
import { silentReporter } from "../../src/cli/reporters/silent.ts";
import { terminalReporter } from "../../src/cli/reporters/terminal.ts";
import type { LadingEvent } from "../../src/events.ts";
import type { Descriptor } from "../../src/spec/descriptor.ts";

const plainPaint = paintFor("never", {}, {});

function layer(name: string, size: number): Descriptor {
  return { mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: digestOf(name), size };
}

function screen(columns = 100) {
  const written: string[] = [];
  return { columns, written, write: (text: string) => written.push(text), text: () => written.join("") };
}

/** What a terminal of enough lines shows after these bytes: cursor up, carriage return and erase are all that is used. */
function shown(bytes: string): string {
  let lines: string[] = [""];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escapes are what a terminal reads
  for (const part of bytes.split(/(\u001b\[\d*[AJ]|\n|\r)/)) {
    const up = part.endsWith("A") ? /\[(\d+)A$/.exec(part)?.[1] : undefined;
    if (up !== undefined) lines = [...lines.slice(0, lines.length - 1 - Number(up)), ""];
    else if (part === "\n") lines.push("");
    else if (part !== "\r" && !part.startsWith("\u001b")) lines[lines.length - 1] += part;
  }
  return lines.join("\n");
}

function run(size: number, pieces: number): LadingEvent[] {
  const descriptor = layer("a", size);
  return [
    { type: "planned", nodes: 1, bytes: size, presentBytes: 0 },
    { type: "started", descriptor, to: "x", offset: 0 },
    ...Array.from(
      { length: pieces },
      (): LadingEvent => ({ type: "progress", descriptor, to: "x", bytes: size / pieces }),
    ),
    { type: "finished", descriptor, to: "x", how: "written" },
  ];
}

test("without a terminal there is a line for each quarter", () => {
  const out = screen();
  const reporter = plainReporter(out, plainPaint, false, 0);
  for (const event of run(4_000_000, 100)) reporter.on(event);
  reporter.stop();
  assert.deepEqual(
    out.written.map((line) => line.replace(/ {2}after .*/, "").trim()),
    ["25 %  1.0 MB of 4.0 MB", "50 %  2.0 MB of 4.0 MB", "75 %  3.0 MB of 4.0 MB", "100 %  4.0 MB of 4.0 MB"],
  );
});

test("what was present counts neither as done nor as to be done", () => {
  const out = screen();
  const reporter = plainReporter(out, plainPaint, false, 0);
  const there = layer("there", 900);
  const moved = layer("moved", 100);
  reporter.on({ type: "planned", nodes: 2, bytes: 1000, presentBytes: 900 });
  reporter.on({ type: "finished", descriptor: there, to: "x", how: "present" });
  reporter.on({ type: "started", descriptor: moved, to: "x", offset: 0 });
  reporter.on({ type: "progress", descriptor: moved, to: "x", bytes: 50 });
  assert.match(out.text(), /^ 50 % {2}50 B of 100 B/);
});

test("a restart takes back what was counted", () => {
  const out = screen();
  const reporter = plainReporter(out, plainPaint, false, 0);
  const descriptor = layer("a", 100);
  reporter.on({ type: "planned", nodes: 1, bytes: 100, presentBytes: 0 });
  reporter.on({ type: "started", descriptor, to: "x", offset: 0 });
  reporter.on({ type: "progress", descriptor, to: "x", bytes: 90 });
  reporter.on({ type: "restarted", descriptor, to: "x", offset: 0 });
  reporter.on({ type: "progress", descriptor, to: "x", bytes: 30 });
  reporter.on({ type: "progress", descriptor, to: "x", bytes: 70 });
  assert.deepEqual(
    out.written.map((line) => line.slice(0, 5).trim()),
    ["75 %", "100 %"],
  );
});

test("bars show each blob, the whole, the rate, and go away at the end", (t) => {
  t.mock.timers.enable({ apis: ["setInterval", "Date"] });
  const out = screen();
  const reporter = terminalReporter(out, plainPaint, false);
  const big = layer("big", 80_000_000);
  reporter.on({ type: "planned", nodes: 2, bytes: 100_000_000, presentBytes: 0 });
  reporter.on({ type: "started", descriptor: big, to: "x", offset: 0 });
  for (let i = 0; i < 10; i++) {
    reporter.on({ type: "progress", descriptor: big, to: "x", bytes: 1_000_000 });
    t.mock.timers.tick(100);
  }
  const lines = shown(out.text()).split("\n");
  assert.match(lines[0] ?? "", /^ {2}layer [0-9a-f]{12} {5}━━━─+ {2}10\.0 MB of 80\.0 MB$/);
  assert.match(lines[1] ?? "", /^ {2}total +━━─+ {2}10\.0 MB of 100 MB {2}10\.0 MB\/s {2}0:09$/);
  assert.ok(out.written.length <= 11, `at most ten times a second, not ${out.written.length}`);
  reporter.stop();
  assert.equal(shown(out.text()), "");
});

test("lines that stay do not disturb the bars", (t) => {
  t.mock.timers.enable({ apis: ["setInterval", "Date"] });
  const out = screen();
  const reporter = terminalReporter(out, plainPaint, false);
  const big = layer("big", 100);
  reporter.on({ type: "started", descriptor: big, to: "x", offset: 50 });
  t.mock.timers.tick(500);
  reporter.on({ type: "warning", message: "one layer stays behind" });
  t.mock.timers.tick(100);
  const lines = shown(out.text()).split("\n");
  assert.equal(lines[0], "warning: one layer stays behind");
  assert.match(lines[1] ?? "", /50 B of 100 B/);
  reporter.stop();
  assert.equal(shown(out.text()), "warning: one layer stays behind\n");
});

test("no line of the bars is wider than the terminal", (t) => {
  t.mock.timers.enable({ apis: ["setInterval", "Date"] });
  const out = screen(40);
  const reporter = terminalReporter(out, paintFor("always", {}, {}), false);
  for (let i = 0; i < 12; i++)
    reporter.on({ type: "started", descriptor: layer(`l${i}`, 1e9), to: "x", offset: 1 });
  t.mock.timers.tick(500);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours take no room
  const lines = shown(out.text().replace(/\u001b\[[0-9]+m/g, "")).split("\n");
  assert.equal(lines.length, 11);
  assert.match(lines[8] ?? "", /and 4 more/);
  for (const line of lines) assert.ok(line.length < 40, line);
  reporter.stop();
});

test("progress as JSON is one event a line, and no byte is lost", () => {
  const out = screen();
  const reporter = jsonReporter(out, false);
  for (const event of run(1000, 100)) reporter.on(event);
  reporter.on({ type: "debug", message: "not asked for" });
  reporter.stop();
  const events = out
    .text()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { type: string; bytes?: number });
  const moved = events
    .filter(({ type }) => type === "progress")
    .reduce((sum, { bytes = 0 }) => sum + bytes, 0);
  assert.equal(moved, 1000);
  assert.ok(events.length < 10, "progress is added up");
  assert.equal(events.at(-1)?.type, "finished");
});

test("quiet leaves out warnings; debug is shown when asked for", () => {
  const loud = screen();
  const quiet = screen();
  const events: LadingEvent[] = [
    { type: "warning", message: "w", hint: "h" },
    { type: "debug", message: "d" },
    { type: "retrying", what: "GET x", attempt: 1, delayMs: 500, reason: "503" },
  ];
  const first = silentReporter(loud, plainPaint, { debug: true, quiet: false });
  const second = silentReporter(quiet, plainPaint, { debug: false, quiet: true });
  for (const event of events) {
    first.on(event);
    second.on(event);
  }
  assert.equal(loud.text(), "warning: w (h)\ndebug: d\ntrying again in 500 ms (1): GET x: 503\n");
  assert.equal(quiet.text(), "");
});

test("names from elsewhere cannot drive the terminal", () => {
  const out = screen();
  silentReporter(out, plainPaint, { debug: false, quiet: false }).on({
    type: "warning",
    message: "a\u001b[2Jb\u202e",
  });
  assert.equal(out.text(), "warning: a\\x1b[2Jb\\x202e\n");
});

test("the reporter follows the flags and the terminal", (t) => {
  t.mock.timers.enable({ apis: ["setInterval", "Date"] });
  const wishes = { progress: "auto", quiet: false, debug: false };
  const draws = (changed: object, isTTY: boolean) => {
    const out = screen();
    const reporter = chooseReporter({ ...wishes, ...changed }, { ...out, isTTY }, plainPaint);
    for (const event of run(1000, 2)) reporter.on(event);
    t.mock.timers.tick(100);
    reporter.stop();
    return out.text();
  };
  assert.match(draws({}, true), /━/);
  assert.equal(draws({}, false), "", "what is done at once leaves no line");
  assert.match(draws({ progress: "json" }, true), /^\{"type":"planned"/);
  assert.equal(draws({ quiet: true }, true), "");
  assert.equal(draws({ progress: "none" }, true), "");
});
