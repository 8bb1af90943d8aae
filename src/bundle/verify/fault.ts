import { errorCodes, isLadingError, type LadingError } from "../../errors.ts";
import type { Digest } from "../../spec/digest.ts";
import type { Fault, VerifyProblem } from "./model.ts";

/** What an error says about the content that was asked for. */
export function faultOf(error: LadingError): Fault {
  if (error.code === "ERR_LADING_DOCUMENT" || error.code === "ERR_LADING_ARCHIVE") return "wrong";
  const meaning = errorCodes[error.code];
  if (meaning === "not-found") return "missing";
  if (meaning === "integrity") return "wrong";
  return meaning === "denied" ? "denied" : "failed";
}

/** An error as a finding. @throws the error itself when it is none of Lading's: an abort, or a mistake in the program */
export function problemOf(error: unknown, digest?: Digest): VerifyProblem {
  if (!isLadingError(error)) throw error;
  return { state: faultOf(error), ...(digest === undefined ? {} : { digest }), message: error.message };
}
