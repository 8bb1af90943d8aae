/** A task of a schedule, known by its index. */
export interface Scheduled {
  /** Tasks at once are limited within each lane. */
  readonly lane: string;
  /** How many tasks of the lane may run at once. */
  readonly limit: number;
  /** Lower runs earlier within its lane; unique. */
  readonly rank: number;
  /** Begin the lane's tasks strictly by rank: one that cannot run yet holds up those after it. Ranks must allow that. */
  readonly strict?: boolean;
  /** Indexes of tasks that come first. */
  readonly before: readonly number[];
  run(): Promise<void>;
}

interface Lane {
  readonly limit: number;
  running: number;
  /** Ready tasks by rank, the next one last: taking it is then cheap. */
  readonly ready: number[];
  /** Of a strict lane: all its tasks, the next one last. */
  readonly order: number[] | undefined;
}

/**
 * Runs tasks as soon as what comes before them is done, within the limits of their lanes. A task takes its place in a
 * lane only when it can run, so no depth of dependencies can block a lane. Tasks are taken in a fixed order: a sink that
 * writes one thing after the other receives the same order for the same plan.
 *
 * A task that throws ends the schedule: nothing new starts, and when all that runs has settled, the first error is
 * thrown. `run` has to handle failures that the rest should survive.
 * @param stop called with the first failure, so that running tasks can end early
 */
export async function runSchedule(
  tasks: readonly Scheduled[],
  stop: (reason: unknown) => void,
): Promise<void> {
  const lanes = new Map<string, Lane>();
  const waitingFor = tasks.map(({ before }) => new Set(before).size);
  const after: number[][] = tasks.map(() => []);
  for (const [i, { before }] of tasks.entries()) for (const j of new Set(before)) after[j]?.push(i);

  let running = 0;
  let done = 0;
  let failure: { readonly error: unknown } | undefined;
  const { promise, resolve } = deferred();

  const laneOf = ({ lane: name, limit, strict }: Scheduled): Lane => {
    let lane = lanes.get(name);
    if (lane === undefined) {
      lane = { limit: Math.max(1, limit), running: 0, ready: [], order: strict ? [] : undefined };
      lanes.set(name, lane);
    }
    return lane;
  };
  const rank = (i: number): number => tasks[i]?.rank ?? 0;
  const enqueue = (i: number): Lane | undefined => {
    const task = tasks[i];
    if (task === undefined) return undefined;
    const lane = laneOf(task);
    insertDescending(lane.ready, i, rank);
    return lane;
  };
  const start = (lane: Lane): void => {
    while (failure === undefined && lane.running < lane.limit) {
      if (lane.order !== undefined && lane.order.at(-1) !== lane.ready.at(-1)) return;
      lane.order?.pop();
      const i = lane.ready.pop();
      const task = i === undefined ? undefined : tasks[i];
      if (i === undefined || task === undefined) return;
      lane.running++;
      running++;
      task.run().then(
        () => settle(lane, i),
        (error: unknown) => settle(lane, i, { error }),
      );
    }
  };
  const settle = (lane: Lane, i: number, failed?: { readonly error: unknown }): void => {
    lane.running--;
    running--;
    if (failed === undefined) {
      done++;
      const lanesWithWork = new Set<Lane>([lane]);
      for (const next of after[i] ?? []) {
        waitingFor[next] = (waitingFor[next] ?? 0) - 1;
        if (waitingFor[next] === 0) {
          const ready = enqueue(next);
          if (ready !== undefined) lanesWithWork.add(ready);
        }
      }
      for (const ready of lanesWithWork) start(ready);
    } else if (failure === undefined) {
      failure = failed;
      stop(failed.error);
    }
    if (running === 0) resolve();
  };

  // Lanes start in the order in which the tasks name them.
  for (const [i, task] of tasks.entries()) laneOf(task).order?.push(i);
  for (const { order } of lanes.values()) order?.sort((a, b) => rank(b) - rank(a));
  const first = tasks.map((_, i) => i).filter((i) => waitingFor[i] === 0);
  first.sort((a, b) => rank(b) - rank(a));
  for (const i of first) {
    const task = tasks[i];
    if (task !== undefined) laneOf(task).ready.push(i);
  }
  for (const lane of lanes.values()) start(lane);
  if (running === 0) resolve();
  await promise;
  if (failure !== undefined) throw (failure as { readonly error: unknown }).error;
  if (done < tasks.length) throw new RangeError("tasks wait for each other");
}

function insertDescending(list: number[], item: number, rank: (i: number) => number): void {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (rank(list[middle] ?? 0) > rank(item)) low = middle + 1;
    else high = middle;
  }
  list.splice(low, 0, item);
}

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
