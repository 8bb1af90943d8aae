import { isLadingError, LadingError, messageOf } from "../errors.ts";
import type { PlanFailure } from "./copy-plan.ts";

/** A failure as plain data. What is no LadingError is a defect and is thrown on. */
export function failureOf(request: number, error: unknown): PlanFailure {
  if (!isLadingError(error)) throw error;
  return {
    request,
    code: error.code,
    message: messageOf(error),
    ...(error.place === undefined ? {} : { place: error.place }),
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  };
}

/** The error that a planned failure stands for. */
export function errorOf({ code, message, place, hint }: PlanFailure): LadingError {
  return new LadingError(code, message, {
    ...(place === undefined ? {} : { place }),
    ...(hint === undefined ? {} : { hint }),
  });
}
