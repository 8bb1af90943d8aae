import assert from "node:assert/strict";
import test from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { runSchedule, type Scheduled } from "../../src/copy/schedule.ts";

const never = (): void => assert.fail("nothing failed");

test("no dependency is overtaken, no lane overfilled, everything runs once, whatever the graph", async () => {
  const graphs = fc.array(
    fc.record({ lane: fc.constantFrom("a", "b"), before: fc.array(fc.nat()), turns: fc.nat(3) }),
    { maxLength: 40 },
  );
  await fc.assert(
    fc.asyncProperty(graphs, fc.integer({ min: 1, max: 3 }), async (graph, limit) => {
      const done = new Set<number>();
      const running: Record<string, number> = { a: 0, b: 0 };
      let runs = 0;
      const tasks = graph.map(({ lane, before, turns }, i): Scheduled => {
        const earlier = i === 0 ? [] : before.map((n) => n % i);
        return {
          lane,
          limit,
          rank: graph.length - i,
          before: earlier,
          run: async () => {
            runs++;
            running[lane] = (running[lane] ?? 0) + 1;
            assert.ok((running[lane] ?? 0) <= limit);
            for (const j of earlier) assert.ok(done.has(j));
            for (let k = 0; k < turns; k++) await turn();
            running[lane] = (running[lane] ?? 0) - 1;
            done.add(i);
          },
        };
      });
      await runSchedule(tasks, never);
      assert.equal(runs, graph.length);
    }),
    { numRuns: 60 },
  );
});

test("tasks that are ready run by rank", async () => {
  const order: number[] = [];
  const ranks = [5, 1, 4, 2, 3];
  await runSchedule(
    ranks.map((rank) => ({ lane: "a", limit: 1, rank, before: [], run: async () => void order.push(rank) })),
    never,
  );
  assert.deepEqual(order, [1, 2, 3, 4, 5]);
});

test("a strict lane begins by rank, however long each task takes and whatever it waits for", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ before: fc.array(fc.nat()), turns: fc.nat(4) }), { maxLength: 20 }),
      fc.integer({ min: 1, max: 4 }),
      async (graph, limit) => {
        const order: number[] = [];
        await runSchedule(
          graph.map(({ before, turns }, i) => ({
            lane: "a",
            limit,
            rank: i,
            strict: true,
            before: i === 0 ? [] : before.map((n) => n % i),
            run: async () => {
              order.push(i);
              for (let k = 0; k < turns; k++) await turn();
            },
          })),
          never,
        );
        assert.deepEqual(
          order,
          graph.map((_, i) => i),
        );
      },
    ),
    { numRuns: 50 },
  );
});

test("a chain far deeper than any limit does not block a lane of one", async () => {
  let last = -1;
  await runSchedule(
    Array.from({ length: 20_000 }, (_, i) => ({
      lane: "a",
      limit: 1,
      rank: -i,
      before: i === 0 ? [] : [i - 1],
      run: async () => {
        assert.equal(last, i - 1);
        last = i;
      },
    })),
    never,
  );
  assert.equal(last, 19_999);
});

test("the first failure is thrown after all that ran has settled, and nothing new starts", async () => {
  const ended: number[] = [];
  const stops: unknown[] = [];
  const task = (i: number, run: () => Promise<void>): Scheduled => ({
    lane: "a",
    limit: 3,
    rank: i,
    before: [],
    run,
  });
  const slow = (i: number) => async (): Promise<void> => {
    for (let k = 0; k < 5; k++) await turn();
    ended.push(i);
    throw new Error(`later ${i}`);
  };
  const failing = task(1, async () => {
    throw new Error("first");
  });
  await assert.rejects(
    runSchedule([task(0, slow(0)), failing, task(2, slow(2)), task(3, slow(3))], (reason) =>
      stops.push(reason),
    ),
    { message: "first" },
  );
  assert.deepEqual(ended, [0, 2]);
  assert.equal(stops.length, 1);
});

test("tasks that wait for each other are an error and no silent end", async () => {
  const task = (before: number[]): Scheduled => ({
    lane: "a",
    limit: 1,
    rank: 0,
    before,
    run: async () => {},
  });
  await assert.rejects(runSchedule([task([1]), task([0])], never), RangeError);
  await runSchedule([], never);
});
