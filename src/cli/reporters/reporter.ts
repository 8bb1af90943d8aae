import type { EventListener } from "../../events.ts";

/** Shows what happens while a command runs. Writes only to standard error. */
export interface Reporter {
  readonly on: EventListener;
  /** A line that stays. */
  say(line: string): void;
  /** Takes away what is only for the moment, and stops. */
  stop(): void;
}

/** What a reporter writes to. */
export interface Screen {
  readonly columns?: number;
  write(text: string): unknown;
}
