import { type ErrorCode, errorCodes } from "../errors.ts";

/** What the program ends with. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  "not-found": 3,
  denied: 4,
  integrity: 5,
  partial: 6,
  interrupted: 130,
} as const;

export function exitCodeOf(code: ErrorCode): number {
  return exitCodes[errorCodes[code]];
}
