/** A nested bundle is copied while one request goes wrong, each in its turn and in each way. */
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { inspect } from "node:util";
import { gatherBundle } from "../../src/bundle/copy/gather-bundle.ts";
import { relocate } from "../../src/bundle/copy/relocate.ts";
import { isLadingError } from "../../src/errors.ts";
import { parseReference } from "../../src/spec/reference.ts";
import { createRegistryClient } from "../../src/stores/registry/client.ts";
import { putBundle } from "../support/bundle-image.ts";
import { image, writeContent } from "../support/content.ts";
import { type FaultProxy, type RecordedRequest, startFaultProxy } from "../support/fault-proxy.ts";
import { startRegistry } from "../support/registry.ts";
import { tempDir } from "../support/tmp.ts";
import { faults, type Meeting, virtualClock } from "./fault-matrix.ts";

/** One of each kind: what goes wrong on the way, what is answered, and what is no answer at all. */
const met = [
  "the answer is lost",
  "the answer is cut short with a good face",
  "a byte is wrong",
  "403",
  "404",
  "429 with seconds",
  "503 with a time to wait",
  "a web page with 200",
] as const satisfies readonly (keyof typeof faults)[];

interface Scene {
  readonly proxy: FaultProxy;
  readonly source: string;
  readonly destination: string;
  /** The destination without faults. */
  readonly seen: string;
  readonly dir: string;
}

/** An outer bundle with an image beside it, one in another repository, and a bundle with an image of its own. */
async function scene(t: TestContext, faulty: "source" | "destination"): Promise<Scene> {
  const [from, to] = [(await startRegistry(t)).host, (await startRegistry(t)).host];
  const proxy = await startFaultProxy(t, faulty === "source" ? from : to);
  const source = faulty === "source" ? proxy.host : from;
  const client = createRegistryClient();
  const at = (repository: string) => client.repository({ registry: from, repository });
  const [beside, elsewhere, inner] = [1, 2, 3].map((seed) => image({ seed, layers: 1, layerBytes: 900 }));
  assert.ok(beside && elsewhere && inner);
  await writeContent(at("outer"), beside);
  await writeContent(at("app"), elsewhere);
  await writeContent(at("inner"), inner);
  const named = (repository: string, digest: string) => ({ image: `${source}/${repository}@${digest}` });
  const nested = await putBundle(at("nested"), { images: [named("inner", inner.root.digest)] });
  await putBundle(at("outer"), {
    images: [
      named("gone", beside.root.digest),
      named("app", elsewhere.root.digest),
      named("nested", nested.digest),
    ],
    tag: "v1",
  });
  await client.close();
  const destination = faulty === "destination" ? proxy.host : to;
  return { proxy, source, destination, seen: to, dir: await tempDir(t) };
}

async function run({ source, destination, dir }: Scene, from: string, to: string): Promise<unknown> {
  const client = createRegistryClient({ clock: virtualClock() });
  const reference = parseReference(`${source}/${from}:v1`);
  try {
    const set = await gatherBundle(
      { reference, source: client.repository(reference), tag: "v1" },
      { open: async (location) => client.repository(location) },
    );
    const store = client.repository({ registry: destination, repository: to });
    await relocate(set, store, { tempDir: dir });
    return undefined;
  } catch (error) {
    return error;
  } finally {
    await client.close();
  }
}

/** The tags at the destination with what they stand for; each of them whole. */
async function tagsAt({ seen }: Scene, repository: string): Promise<ReadonlyMap<string, string>> {
  await using client = createRegistryClient();
  const store = client.repository({ registry: seen, repository });
  const tags = new Map<string, string>();
  try {
    for await (const tag of store.tags()) tags.set(tag, (await store.resolve(tag)).digest);
  } catch (error) {
    if (!isLadingError(error) || error.code !== "ERR_LADING_NOT_FOUND") throw error;
  }
  return tags;
}

async function faultyAndThenGood(
  given: Scene,
  { from, to, whole }: { from: string; to: string; whole: ReadonlyMap<string, string> },
  codes: Meeting["codes"],
): Promise<void> {
  const { proxy } = given;
  const error = await run(given, from, to);
  assert.ok(
    proxy.requests.some(({ fault }) => fault !== undefined),
    "nothing went wrong",
  );
  const tags = await tagsAt(given, to);
  if (error === undefined) return assert.deepEqual(tags, whole);
  if (!isLadingError(error)) throw error;
  // What is refused beside the bundle is looked for at its origin, and may not be there.
  const mayBe = codes.includes("ERR_LADING_DENIED") ? [...codes, "ERR_LADING_NOT_FOUND"] : codes;
  assert.ok(mayBe.includes(error.code), `${error.code} ${error.message}`);
  // Names last, and before them locations: who finds one finds all that it speaks of.
  const locations = [...tags.keys()].filter((tag) => tag.endsWith(locationsEnd));
  const kept = [...whole.keys()].filter((tag) => /^sha256-[0-9a-f]+\.imgpkg$/.test(tag));
  const content = kept.filter((tag) => !isOfLocations(tag, whole));
  if (locations.length > 0) for (const tag of content) assert.ok(tags.has(tag), `${tag} is missing`);
  if (tags.has("v1")) assert.equal(locations.length, 2, "a name without locations");
  for (const [tag, digest] of tags) assert.equal(digest, whole.get(tag), tag);
  proxy.script();
  assert.equal(await run(given, from, to), undefined, "the second run");
  assert.deepEqual(await tagsAt(given, to), whole, "after the second run");
}

const locationsEnd = ".image-locations.imgpkg";

/** Whether the tag is the one that keeps a locations image. */
function isOfLocations(tag: string, whole: ReadonlyMap<string, string>): boolean {
  return [...whole].some(
    ([name, digest]) => name.endsWith(locationsEnd) && tag === `${digest.replace(":", "-")}.imgpkg`,
  );
}

/** Every request, and for every kind of request every fault: those of one kind share them. */
function meetings(requests: readonly RecordedRequest[]): [index: number, faults: (typeof met)[number][]][] {
  const kinds = new Map<string, number[]>();
  for (const [index, { method, url }] of requests.entries()) {
    const kind = `${method} ${url.replace(/sha256[:-]\w+/, "").replace(/(uploads\/).+/, "$1")}`;
    kinds.set(kind, [...(kinds.get(kind) ?? []), index]);
  }
  return [...kinds.values()].flatMap((alike) => {
    const share = Math.min(3, alike.length);
    return alike.map((index, i): [number, (typeof met)[number][]] => [
      index,
      met.filter((_, fault) => fault % share === i % share),
    ]);
  });
}

for (const faulty of ["source", "destination"] as const) {
  for (const relocated of faulty === "source" ? [false, true] : [false]) {
    test(`every fault at every request at the ${faulty} of a ${relocated ? "relocated " : ""}bundle`, async (t) => {
      const given = await scene(t, faulty);
      const { proxy, source } = given;
      let from = "outer";
      if (relocated) {
        from = "relocated";
        assert.equal(await run({ ...given, destination: source, seen: source }, "outer", from), undefined);
      }
      proxy.script();
      assert.equal(await run(given, from, "first"), undefined);
      const whole = await tagsAt(given, "first");
      assert.equal(whole.size, 10);
      const requests = [...proxy.requests];
      const problems: string[] = [];
      for (const [index, faultsHere] of meetings(requests)) {
        for (const name of faultsHere) {
          const { action, codes } = faults[name] as Meeting;
          const to = `to/${index}/${met.indexOf(name)}`;
          proxy.script({ match: { index }, action });
          try {
            await faultyAndThenGood(given, { from, to, whole }, codes);
          } catch (problem) {
            const { method, url } = requests[index] ?? {};
            problems.push(`${name}, request ${index}: ${method} ${url}: ${inspect(problem)}`);
          }
        }
      }
      assert.equal(problems.join("\n\n"), "");
    });
  }
}
