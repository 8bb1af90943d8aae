import assert from "node:assert/strict";
import { type FSWatcher, mkdirSync, readFileSync, rmSync, utimesSync, watch, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { bodyOf } from "../../src/bytes/body.ts";
import { openLayout } from "../../src/stores/layout/open.ts";
import { artifact, blob, image, index, writeContent } from "../support/content.ts";
import { tempDir } from "../support/tmp.ts";
import { bytesOf, referrersOf, rejectsWith, tagsOf } from "./contract.ts";

interface IndexJson {
  readonly manifests: readonly { digest: string; annotations?: Record<string, string> }[];
}

function indexJson(folder: string): IndexJson {
  return JSON.parse(readFileSync(join(folder, "index.json"), "utf8")) as IndexJson;
}

test("index.json stays tidy: what an index reaches has no entry of its own", async (t) => {
  const folder = await tempDir(t);
  const store = await openLayout(folder, { create: true });
  const children = [image({ seed: 1 }), image({ seed: 2 })];
  for (const child of children) await writeContent(store, child);
  assert.equal(indexJson(folder).manifests.length, 2);
  const parent = index([index(children), image({ seed: 3 })]);
  await writeContent(store, parent);
  assert.equal(indexJson(folder).manifests.length, 1);
  await store.tag(parent.root, "v1");
  assert.deepEqual(
    indexJson(folder).manifests.map(({ annotations }) => annotations),
    [{ "org.opencontainers.image.ref.name": "v1" }],
  );
  await store.untag("v1");
  assert.deepEqual(
    indexJson(folder).manifests.map(({ digest, annotations }) => [digest, annotations]),
    [[parent.root.digest, undefined]],
  );
});

test("an index that lies about a manifest does not change what the manifest is", async (t) => {
  const store = await openLayout(await tempDir(t), { create: true });
  const content = image();
  const lies = [
    { ...content.root, mediaType: "application/vnd.docker.distribution.manifest.v2+json" },
    { ...content.root, size: content.root.size + 1 },
  ];
  for (const root of lies) {
    const liar = index([{ root, nodes: [] }]);
    await writeContent(store, liar, "liar");
    await writeContent(store, content);
    await writeContent(store, index([content], { annotations: { size: `${root.size}` } }), "honest");
    const found = await store.resolve(content.root.digest);
    assert.deepEqual([found.mediaType, found.size], [content.root.mediaType, content.root.size]);
    for (const { descriptor } of [...liar.nodes, ...content.nodes]) {
      if (descriptor.mediaType.includes("manifest")) await store.remove({ kind: "manifest", descriptor });
    }
  }
});

test("what other tools wrote into index.json stays", async (t) => {
  const folder = await tempDir(t);
  const store = await openLayout(folder, { create: true });
  const content = image();
  await writeContent(store, content, "v1");
  const document = indexJson(folder) as unknown as Record<string, unknown>;
  const entry = (document["manifests"] as Record<string, unknown>[])[0] ?? {};
  const foreign = { ...entry, "com.example.field": 7, annotations: { "com.example.note": "x" } };
  writeFileSync(
    join(folder, "index.json"),
    JSON.stringify({
      ...document,
      "com.example.top": [1],
      annotations: { a: "b" },
      manifests: [entry, foreign],
    }),
  );
  await writeContent(store, index([content]), "v2");
  await store.untag("v1");
  const after = JSON.parse(readFileSync(join(folder, "index.json"), "utf8")) as Record<string, unknown>;
  assert.deepEqual(after["com.example.top"], [1]);
  assert.deepEqual(after["annotations"], { a: "b" });
  assert.deepEqual((after["manifests"] as unknown[])[0], foreign);
});

test("what another process writes is seen at once", async (t) => {
  const folder = await tempDir(t);
  const a = await openLayout(folder, { create: true });
  const b = await openLayout(folder, { create: true });
  for (let i = 0; i < 5; i++) {
    await writeContent(i % 2 === 0 ? a : b, image({ seed: i + 1 }), "moves");
    for (const store of [a, b]) {
      assert.equal((await store.resolve("moves")).digest, image({ seed: i + 1 }).root.digest);
    }
  }
});

test("200 tags at once are few writes of index.json", async (t) => {
  const folder = await tempDir(t);
  const store = await openLayout(folder, { create: true });
  const content = image();
  await writeContent(store, content);
  let renames = 0;
  const watcher: FSWatcher = watch(folder, (_, name) => {
    if (name === "index.json") renames++;
  });
  t.after(() => watcher.close());
  await Promise.all(Array.from({ length: 200 }, (_, i) => store.tag(content.root, `t${i}`)));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal((await tagsOf(store)).length, 200);
  assert.ok(renames <= 10, `${renames} writes`);
});

test("one tag that fails does not fail the others of its write", async (t) => {
  const store = await openLayout(await tempDir(t), { create: true });
  const content = image();
  await writeContent(store, content);
  const results = await Promise.allSettled(
    [content, image({ seed: 2 }), content].map(({ root }, i) => store.tag(root, `t${i}`)),
  );
  assert.deepEqual(
    results.map(({ status }) => status),
    ["fulfilled", "rejected", "fulfilled"],
  );
  assert.deepEqual(await tagsOf(store), ["t0", "t2"]);
});

test("the empty reference is the only image, referrers aside", async (t) => {
  const store = await openLayout(await tempDir(t), { create: true });
  await rejectsWith("ERR_LADING_NOT_FOUND", store.resolve(""));
  const content = image();
  await writeContent(store, content);
  await writeContent(store, artifact({ subject: content.root }));
  assert.equal((await store.resolve("")).digest, content.root.digest);
  await writeContent(store, image({ seed: 2 }), "v2");
  assert.equal((await store.resolve("")).digest, image({ seed: 2 }).root.digest);
  await store.tag(content.root, "v1");
  await assert.rejects(store.resolve(""), /holds 2 images/);
});

test("names that cannot be are refused", async (t) => {
  const store = await openLayout(await tempDir(t), { create: true });
  const content = image();
  await writeContent(store, content);
  for (const name of ["", "a b", "a\nb", content.root.digest]) {
    await rejectsWith("ERR_LADING_REFERENCE", store.tag(content.root, name));
  }
  await store.tag(content.root, "docker.io/library/app:1.0");
  assert.deepEqual(await tagsOf(store), ["docker.io/library/app:1.0"]);
});

test("a sparse layout lists and names what it does not hold, and takes it later", async (t) => {
  const folder = await tempDir(t);
  const store = await openLayout(folder, { create: true });
  const content = index([image({ seed: 1 }), artifact({ seed: 2, subject: image({ seed: 1 }).root })]);
  const root = content.nodes.at(-1);
  assert.ok(root);
  await store.write(root, bodyOf(root.bytes));
  await store.tag(content.root, "v1");
  assert.equal((await store.resolve("v1")).digest, content.root.digest);
  const report = await store.verify();
  assert.equal(report.missing.length, 2);
  assert.deepEqual([report.wrong, report.orphaned], [[], []]);
  assert.deepEqual(await referrersOf(store, image({ seed: 1 }).root), []);
  for (const each of content.nodes.slice(0, -1)) {
    assert.equal(await store.has(each), false);
    await store.write(each, bodyOf(each.bytes));
  }
  assert.equal((await referrersOf(store, image({ seed: 1 }).root)).length, 1);
  assert.equal(indexJson(folder).manifests.length, 1);
  assert.equal((await store.verify()).missing.length, 0);
});

test("there is no layout where there is none", async (t) => {
  const folder = await tempDir(t);
  await rejectsWith("ERR_LADING_NOT_FOUND", openLayout(folder));
  await rejectsWith("ERR_LADING_NOT_FOUND", openLayout(join(folder, "absent")));
  writeFileSync(join(folder, "file"), "");
  await rejectsWith("ERR_LADING_STORE", openLayout(join(folder, "file")));
  writeFileSync(join(folder, "oci-layout"), '{"imageLayoutVersion":"2.0.0"}');
  await rejectsWith("ERR_LADING_DOCUMENT", openLayout(folder));
});

test("the lock of a dead process is broken, that of a living one is waited for", async (t) => {
  const folder = await tempDir(t);
  const store = await openLayout(folder, { create: true, lockWaitMs: 300 });
  const content = image();
  await writeContent(store, content);
  const lock = join(folder, "index.json.lock");
  const probe = await openLayout(folder, { lockWaitMs: 300 });
  // A real lock file, as a process that died would leave it: taken from a change in progress.
  let taken = "";
  const watcher = watch(folder, () => {
    try {
      taken ||= readFileSync(lock, "utf8");
    } catch {
      // Gone again already.
    }
  });
  for (let i = 0; taken === "" && i < 200; i++) {
    await probe.tag(content.root, `probe${i}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  watcher.close();
  const holder = JSON.parse(taken) as { pid: number; start: number };
  assert.equal(holder.pid, process.pid);

  writeFileSync(lock, JSON.stringify({ ...holder, start: holder.start - 1 }));
  await store.tag(content.root, "after-death");
  writeFileSync(lock, JSON.stringify({ ...holder, pid: 2 ** 22 - 1 }));
  await store.tag(content.root, "after-another-death");

  writeFileSync(lock, JSON.stringify(holder));
  await rejectsWith("ERR_LADING_CONFLICT", store.tag(content.root, "no"));
  setTimeout(() => rmSync(lock), 100);
  await store.tag(content.root, "yes");

  // Of another host nothing can be known but how long ago it was refreshed.
  writeFileSync(lock, JSON.stringify({ ...holder, host: "00000000" }));
  await rejectsWith("ERR_LADING_CONFLICT", store.tag(content.root, "no"));
  utimesSync(lock, new Date(0), new Date(0));
  await store.tag(content.root, "from-afar");
  writeFileSync(lock, "");
  utimesSync(lock, new Date(0), new Date(0));
  await store.tag(content.root, "never-filled");
  assert.deepEqual(
    (await tagsOf(store)).filter((tag) => !tag.startsWith("probe")),
    ["after-another-death", "after-death", "from-afar", "never-filled", "yes"],
  );
  assert.deepEqual((await readdir(folder)).sort(), ["blobs", "index.json", "oci-layout"]);
});

test("opening for writing clears what dead processes left, and nothing else", async (t) => {
  const folder = await tempDir(t);
  await openLayout(folder, { create: true });
  const dead = `.tmp-${2 ** 22 - 1}-1-`;
  const host = await ownHost(folder);
  writeFileSync(join(folder, `${dead}${host}-0123456789ab`), "x");
  const named = `sha256-${"a".repeat(64)}`;
  writeFileSync(join(folder, `${dead}${host}-0123456789ac.${named}`), Buffer.alloc(2 << 20));
  writeFileSync(join(folder, `${dead}${host}-0123456789ad.sha256-${"b".repeat(64)}`), Buffer.alloc(100));
  writeFileSync(join(folder, `${dead}00000000-0123456789ae`), "x");
  writeFileSync(join(folder, ".tmp-of-someone"), "x");
  mkdirSync(join(folder, "mine"));
  await openLayout(folder, { create: true });
  assert.deepEqual((await readdir(folder)).sort(), [
    `.partial-${named}`,
    `${dead}00000000-0123456789ae`,
    ".tmp-of-someone",
    "blobs",
    "index.json",
    "mine",
    "oci-layout",
  ]);
});

/** The host part of this process's temporary names, seen from a write in progress. */
async function ownHost(folder: string): Promise<string> {
  const store = await openLayout(folder);
  const each = blob(1000);
  let names: string[] = [];
  await store.write(each, {
    size: 1000,
    open: async (from) => {
      names = await readdir(folder);
      return bodyOf(each.bytes).open(from);
    },
  });
  assert.deepEqual(await bytesOf(store, each), each.bytes);
  const host = names.map((name) => /^\.tmp-\d+-\d+-([0-9a-f]{8})-/.exec(name)?.[1]).find(Boolean);
  assert.ok(host);
  return host;
}
