import type { TreeShape } from "./corpus.ts";
import type { RegistryKind } from "./registries.ts";

/** What is measured: one task that several programs do, each on its own in processes of its own. */
export interface Scenario {
  /** For `--only`. */
  readonly name: string;
  /** For people: the task, one line. */
  readonly title: string;
  /** Runs once for each kind of registry on this machine, all sides against the same kind. */
  readonly registries?: boolean;
  /** Makes the input and says who takes part. Programs that are not on this machine are left out. */
  prepare(bench: Bench): Promise<Prepared>;
}

/** What a scenario gets. */
export interface Bench {
  /** A folder of its own, removed at the end. */
  readonly dir: string;
  /** The tree to make with `makeTree`: full, or smaller for a quick look. */
  readonly tree: TreeShape;
  readonly quick: boolean;
  /** Path of a built `*.child.ts` of bench/, by its name without endings. */
  child(name: string): string;
  /** The built program `lading`. */
  readonly lading: string;
  /** What serves content, where the scenario is about registries. */
  readonly registry: RegistryKind;
}

export interface Prepared {
  /** Bytes of input, for the throughput; 0 where it is not about bytes. */
  readonly bytes: number;
  /** What the input is, for people. */
  readonly input: string;
  /** The side that the others are compared with. */
  readonly baseline: string;
  readonly sides: readonly Side[];
  /** Stops what `prepare` has started. */
  close?(): Promise<void>;
}

export interface Side {
  readonly name: string;
  /** Before each run, not timed: an empty registry, a fresh folder. Gets the run's own folder. */
  before?(dir: string): Promise<void>;
  /** What is timed: program and arguments. */
  command(dir: string): readonly string[];
  /**
   * A digest over what the run has made, the same for every side that did the task right. Not timed; called after the
   * first run, which does not count.
   */
  content(dir: string, output: string): Promise<string>;
  /** Bytes that the run has written, where smaller is better. Not timed; called after `content`. */
  written?(dir: string): Promise<number>;
  /** After each run, also one that failed. */
  after?(dir: string): Promise<void>;
}
