import assert from "node:assert/strict";
import test from "node:test";
import { copy } from "../../src/copy/copy.ts";
import { type Content, type ContentKind, everyKind, writeContent } from "../support/content.ts";
import { needs } from "../support/peers.ts";
import { assertNamed } from "../support/same-content.ts";
import { placeKinds } from "./places.ts";

const contents = Object.entries(everyKind()) as [ContentKind, Content][];

const nameOf = (kind: string): string => kind.replaceAll(" ", "-");

for (const a of placeKinds) {
  for (const b of placeKinds) {
    test(
      `${a.name} to ${b.name} keeps every digest of every kind of content`,
      needs(...a.programs, ...b.programs),
      async (t) => {
        const [from, to] = [await a.open(t), await b.open(t)];
        const kinds = contents.filter(([kind]) => a.takes(kind) && b.takes(kind));
        assert.ok(kinds.length > 0);
        const seed = await from.sink();
        for (const [kind, content] of kinds) await writeContent(seed, content, nameOf(kind));
        await seed.commit();
        await seed[Symbol.asyncDispose]();

        const source = await from.source();
        const sink = await to.sink();
        const requests = kinds.map(([kind]) => ({
          from: source,
          reference: nameOf(kind),
          to: sink,
          tags: [nameOf(kind)],
        }));
        const result = await copy(requests);
        await sink[Symbol.asyncDispose]();
        assert.equal(result.images.length, kinds.length);

        const copied = await to.source();
        for (const [kind, content] of kinds) await assertNamed(copied, nameOf(kind), content);

        // And once more: nothing has to move. An archive begins anew each time.
        if (b.name.endsWith("archive")) return;
        const again = await to.sink();
        const { moved } = await copy(requests.map((request) => ({ ...request, to: again })));
        assert.equal(moved.bytes, 0);
      },
    );
  }
}
