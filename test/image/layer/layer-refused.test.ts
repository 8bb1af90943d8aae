import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, rmSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { chmod, mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { collect } from "../../../src/bytes/collect.ts";
import type { LadingEvent } from "../../../src/events.ts";
import { createLayer } from "../../../src/image/layer/create.ts";
import type { LayerInput } from "../../../src/image/layer/input.ts";
import { layerTar } from "../../../src/image/layer/layer-tar.ts";
import { TimeSlice } from "../../../src/image/time-slice.ts";
import { findProgram, needs } from "../../support/peers.ts";
import { sampleBytes } from "../../support/sample-bytes.ts";
import { tempDir } from "../../support/tmp.ts";

/** Makes a layer that must not come to be, and checks that nothing stays behind. */
async function refused(
  t: TestContext,
  inputs: readonly LayerInput[],
  expected: object,
  on?: (event: LadingEvent) => void,
): Promise<void> {
  const temp = await tempDir(t);
  const making = createLayer(inputs, { tempDir: temp, ...(on === undefined ? {} : { on }) });
  await assert.rejects(making, expected);
  assert.deepEqual(await readdir(temp), []);
}

test("what is not there is named", async (t) => {
  const dir = await tempDir(t);
  const path = join(dir, "nothing");
  await refused(t, [{ path }], {
    code: "ERR_LADING_NOT_FOUND",
    message: `there is no file or folder ${path}`,
    hint: "check the path",
  });
  await writeFile(join(dir, "file"), "");
  await refused(t, [{ path: join(dir, "file/below") }], { code: "ERR_LADING_NOT_FOUND" });
  await symlink("nothing", join(dir, "dangling"));
  await refused(t, [{ path: join(dir, "dangling") }], { code: "ERR_LADING_NOT_FOUND" });
});

test("sockets, pipes and devices are refused by name", needs("mkfifo"), async (t) => {
  const dir = await tempDir(t);
  const server = createServer().listen(join(dir, "socket"));
  t.after(() => server.close());
  await once(server, "listening");
  const expected = { code: "ERR_LADING_UNSUPPORTED", place: join(dir, "socket") };
  await refused(t, [{ path: dir }], {
    ...expected,
    message: /is a socket/,
    hint: "remove it, or exclude it",
  });
  await using _ = await createLayer([{ path: dir, exclude: ["socket"] }], { tempDir: dir });
  await mkdir(join(dir, "other"));
  assert.equal(spawnSync(findProgram("mkfifo") ?? "", [join(dir, "other/pipe")]).status, 0);
  await refused(t, [{ path: join(dir, "other") }], {
    code: "ERR_LADING_UNSUPPORTED",
    message: /is a named pipe/,
  });
  await refused(t, [{ path: join(dir, "other/pipe") }], { code: "ERR_LADING_UNSUPPORTED" });
  await refused(t, [{ path: "/dev/null" }], { code: "ERR_LADING_UNSUPPORTED" });
});

test("names and link targets that are not UTF-8 are refused", async (t) => {
  const dir = await tempDir(t);
  const bad = Buffer.concat([Buffer.from(`${dir}/caf`), Buffer.from([0xe9])]);
  await writeFile(bad, "latin1");
  await refused(t, [{ path: dir }], {
    code: "ERR_LADING_UNSUPPORTED",
    message: /is not UTF-8: "café"$/,
    place: dir,
  });
  rmSync(bad);
  await symlink(Buffer.from([0x61, 0xe9]), join(dir, "link"));
  await refused(t, [{ path: dir }], { code: "ERR_LADING_UNSUPPORTED", place: join(dir, "link") });
});

test("a file on disk that a layer would take for a whiteout is refused", async (t) => {
  const dir = await tempDir(t);
  await writeFile(join(dir, ".wh.etc"), "");
  await refused(t, [{ path: dir }], { code: "ERR_LADING_UNSUPPORTED", message: /whiteout/ });
  await refused(t, [{ path: join(dir, ".wh.etc") }], { code: "ERR_LADING_UNSUPPORTED" });
});

test("what may not be read is named", async (t) => {
  const dir = await tempDir(t);
  await writeFile(join(dir, "secret"), "x");
  await chmod(join(dir, "secret"), 0);
  await chmod(dir, 0o755);
  const asRoot = process.geteuid?.() === 0;
  // Root reads everything: be somebody else for as long as it takes.
  if (asRoot) process.seteuid?.(65_534);
  try {
    const making = createLayer([{ path: dir }], { tempDir: "/tmp" });
    await assert.rejects(making, {
      code: "ERR_LADING_STORE",
      message: `${join(dir, "secret")} may not be read`,
      hint: "change its permissions, or exclude it",
    });
  } finally {
    if (asRoot) process.seteuid?.(0);
  }
});

test("two different things at one path are refused, whichever comes first", async (t) => {
  const dir = await tempDir(t);
  await mkdir(join(dir, "one"));
  await mkdir(join(dir, "two/x"), { recursive: true });
  await writeFile(join(dir, "one/x"), "");
  const one = { path: join(dir, "one") };
  const two = { path: join(dir, "two") };
  const file = { entries: [{ name: "x", bytes: new Uint8Array(0) }] };
  const below = { path: join(dir, "one"), at: "x/y" };
  const expected = { code: "ERR_LADING_USAGE", message: /^two inputs have x: / };
  for (const inputs of [
    [one, one],
    [one, two],
    [one, file],
    [one, below],
    [below, file],
    [file, two],
  ]) {
    await refused(t, inputs, expected);
    await refused(t, [...inputs].reverse(), expected);
  }
});

test("paths in a layer cannot leave it", async (t) => {
  const dir = await tempDir(t);
  await writeFile(join(dir, "file"), "");
  for (const at of ["..", "a/../../b", "a\0b"]) {
    await refused(t, [{ path: dir, at }], { code: "ERR_LADING_UNSAFE_PATH" });
    await refused(t, [{ entries: [{ name: at, bytes: new Uint8Array(0) }] }], {
      code: "ERR_LADING_UNSAFE_PATH",
    });
  }
  await refused(t, [{ path: join(dir, "file"), at: "/" }], { code: "ERR_LADING_USAGE" });
  await refused(t, [{ entries: [{ name: "./", bytes: new Uint8Array(0) }] }], { code: "ERR_LADING_USAGE" });
});

test("a file that is not what its size says is an error", async (t) => {
  // Files of the kernel have content and a size of 0.
  await refused(t, [{ path: "/proc/version" }], {
    code: "ERR_LADING_CONFLICT",
    message: /changed while it was read: it grows/,
  });
});

const changes: Readonly<Record<string, (path: string) => void>> = {
  gone: (path) => rmSync(path),
  "a link": (path) => {
    rmSync(path);
    symlinkSync("/etc/passwd", path);
  },
  "a folder's child": (path) => {
    rmSync(join(path, ".."), { recursive: true });
    writeFileSync(join(path, ".."), "now a file");
  },
};

for (const [how, change] of Object.entries(changes)) {
  test(`a file that becomes ${how} after the walk is an error`, async (t) => {
    const dir = await tempDir(t);
    await mkdir(join(dir, "b"));
    await writeFile(join(dir, "a"), "read first");
    await writeFile(join(dir, "b/file"), "read second");
    await refused(
      t,
      [{ path: dir }],
      { code: "ERR_LADING_CONFLICT", place: join(dir, "b/file") },
      ({ type }) => {
        if (type === "file") change(join(dir, "b/file"));
      },
    );
  });
}

const writes: Readonly<Record<string, (path: string) => void>> = {
  grows: (path) => appendFileSync(path, "more"),
  shrinks: (path) => truncateSync(path, 5_000_000),
  "is written to": (path) => utimesSync(path, 1, 1),
};

for (const [how, write] of Object.entries(writes)) {
  test(`a large file that ${how} while it is read is an error`, async (t) => {
    const path = join(await tempDir(t), "large");
    await writeFile(path, sampleBytes(6_000_000));
    const entries = [{ name: "large", type: "file", from: path, onDisk: true }] as const;
    const tar = layerTar(entries, new TimeSlice(), { header: () => Buffer.alloc(512) });
    // The first chunk is out, so the file is open and partly read.
    assert.equal((await tar.next()).value?.byteLength, 1024 * 1024);
    write(path);
    await assert.rejects(collect(tar, 10_000_000, "tar"), { code: "ERR_LADING_CONFLICT", place: path });
  });
}

test("a folder for temporary files that is not there is named", async (t) => {
  const dir = await tempDir(t);
  const missing = join(dir, "nothing");
  await assert.rejects(createLayer([], { tempDir: missing }), {
    code: "ERR_LADING_NOT_FOUND",
    place: missing,
  });
});

test("a level that does not exist leaves nothing behind", async (t) => {
  const temp = await tempDir(t);
  await assert.rejects(createLayer([], { tempDir: temp, level: 12 }), { code: "ERR_LADING_USAGE" });
  assert.deepEqual(await readdir(temp), []);
});

test("an abort stops the work and leaves nothing behind", async (t) => {
  const dir = await tempDir(t);
  for (let i = 0; i < 20; i++) await writeFile(join(dir, `file-${i}`), sampleBytes(400_000, i + 1));
  const reason = new Error("enough");
  await assert.rejects(
    createLayer([{ path: dir }], { tempDir: dir, signal: AbortSignal.abort(reason) }),
    reason,
  );
  for (const after of [1, 7, 20]) {
    const temp = await tempDir(t);
    const stop = new AbortController();
    let files = 0;
    const on = () => {
      if (++files === after) stop.abort(reason);
    };
    await assert.rejects(createLayer([{ path: dir }], { tempDir: temp, signal: stop.signal, on }), reason);
    assert.ok(files < after + 8, `${files} files`);
    assert.deepEqual(await readdir(temp), []);
  }
});

test("a listener that throws stops the work", async (t) => {
  const dir = await tempDir(t);
  await writeFile(join(dir, "file"), "x");
  await refused(t, [{ path: dir }], /not now/, () => {
    throw new Error("not now");
  });
});
