import type { Descriptor } from "./spec/descriptor.ts";

/**
 * What happens while content moves, as one typed stream for reporters. Emitted at full speed: reporters throttle.
 * A listener that throws fails the operation that called it.
 */
export type LadingEvent =
  | {
      readonly type: "planned";
      readonly nodes: number;
      readonly bytes: number;
      readonly presentBytes: number;
    }
  | {
      readonly type: "started";
      readonly descriptor: Descriptor;
      readonly to: string;
      readonly offset: number;
    }
  /** `bytes` more of this node went by since the last event (never negative). */
  | {
      readonly type: "progress";
      readonly descriptor: Descriptor;
      readonly to: string;
      readonly bytes: number;
    }
  /** The attempt failed and starts again: reporters take back what they counted beyond `offset`. */
  | {
      readonly type: "restarted";
      readonly descriptor: Descriptor;
      readonly to: string;
      readonly offset: number;
    }
  | {
      readonly type: "finished";
      readonly descriptor: Descriptor;
      readonly to: string;
      readonly how: "written" | "mounted" | "present";
    }
  | { readonly type: "tagged"; readonly descriptor: Descriptor; readonly to: string; readonly name: string }
  | {
      readonly type: "retrying";
      readonly what: string;
      readonly attempt: number;
      readonly delayMs: number;
      readonly reason: string;
    }
  /** A file went into a layer or out of one. */
  | { readonly type: "file"; readonly path: string; readonly bytes: number }
  | { readonly type: "warning"; readonly message: string; readonly hint?: string }
  /** Details for `--debug`: one line, without secrets. `http` makes the whole exchange that the line is about. */
  | { readonly type: "debug"; readonly message: string; readonly http?: () => HttpTrace };

/** One request and its answer, without secrets and without bodies. */
export interface HttpTrace {
  readonly method: string;
  readonly url: string;
  /** Names in lower case. */
  readonly requestHeaders: readonly (readonly [name: string, value: string])[];
  /** Left out when no answer came. */
  readonly status?: number;
  readonly responseHeaders: readonly (readonly [name: string, value: string])[];
  /** Why no answer came. */
  readonly failure?: string;
  readonly durationMs: number;
}

export type EventListener = (event: LadingEvent) => void;
