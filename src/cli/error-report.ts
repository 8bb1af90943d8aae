import { type ErrorCode, isLadingError, type LadingError, messageOf, systemCode } from "../errors.ts";
import type { Paint } from "./color.ts";
import { exitCodeOf, exitCodes } from "./exit-codes.ts";
import { Interrupted } from "./interrupt.ts";
import { systemReason } from "./system-error.ts";
import { printable } from "./table.ts";
import { commands } from "./tree/tree.ts";

/** An error as data: what `--json` prints and what the text is made from. */
export interface ErrorReport {
  readonly code: string;
  readonly message: string;
  readonly place?: string;
  readonly hint?: string;
  readonly exitCode: number;
  /** The parts of a partial failure. */
  readonly errors?: readonly ErrorReport[];
}

/** System errors that people meet, with what to do about them. */
const systemErrors: Readonly<Record<string, { code: string; exitCode: number; hint: string }>> = {
  ENOENT: { code: "ERR_LADING_NOT_FOUND", exitCode: exitCodes["not-found"], hint: "check the path" },
  ENOTDIR: { code: "ERR_LADING_NOT_FOUND", exitCode: exitCodes["not-found"], hint: "check the path" },
  EACCES: { code: "ERR_LADING_STORE", exitCode: exitCodes.failed, hint: "check the permissions of the path" },
  EPERM: { code: "ERR_LADING_STORE", exitCode: exitCodes.failed, hint: "check the permissions of the path" },
  EROFS: { code: "ERR_LADING_STORE", exitCode: exitCodes.failed, hint: "the file system is read-only" },
  ENOSPC: { code: "ERR_LADING_STORE", exitCode: exitCodes.failed, hint: "free some space and run it again" },
  EDQUOT: { code: "ERR_LADING_STORE", exitCode: exitCodes.failed, hint: "free some space and run it again" },
  EADDRINUSE: {
    code: "ERR_LADING_CONFLICT",
    exitCode: exitCodes.failed,
    hint: "another program listens there; choose another port with --listen",
  },
};

/** How the line called the program, for hints that say what to type. */
export interface CalledAs {
  readonly program: string;
  /** The command's words; left out where none was found. */
  readonly command?: string;
}

/** For errors that bring no hint of their own; they name the program lading. */
const fallbackHints: Readonly<Record<Exclude<ErrorCode, "ERR_LADING_USAGE">, string>> = {
  ERR_LADING_REFERENCE: "write host/repo:tag, host/repo@sha256:…, oci:DIR:NAME or oci-archive:FILE",
  ERR_LADING_DIGEST_MISMATCH: "try again, and check the source if it stays",
  ERR_LADING_SIZE_MISMATCH: "try again, and check the source if it stays",
  ERR_LADING_NOT_FOUND: "check the name; lading tag list -i REPO prints the tags of a repository",
  ERR_LADING_MISSING_CONTENT: "copy from where all of the image is",
  ERR_LADING_UNAUTHORIZED: "log in with lading login, or give --registry-username and --registry-password",
  ERR_LADING_DENIED: "ask for the right to do this, or log in as somebody who has it",
  ERR_LADING_DOCUMENT: "get it anew from where it was made",
  ERR_LADING_ARCHIVE: "the archive is damaged or cut short: get it anew",
  ERR_LADING_LIMIT: "this is more than honest content needs: check where it comes from",
  ERR_LADING_UNSAFE_PATH: "content that is made to leave its folder is not to be trusted",
  ERR_LADING_REGISTRY: "try again later; --debug shows every request and answer",
  ERR_LADING_RATE_LIMITED: "try again later",
  ERR_LADING_STORE: "check the disk and the permissions",
  ERR_LADING_CONFLICT: "another process changes the same thing: run it again",
  ERR_LADING_UNSUPPORTED: "lading image inspect shows what it is",
  ERR_LADING_PARTIAL: "run the same again: what is done is not done twice",
  ERR_LADING_NETWORK: "check the host and the network, then run the same again",
  ERR_LADING_TLS: "trust its authority with --registry-ca-cert-path, if you know it",
};

const firstWords = [...new Set(Object.values(commands).map(({ path: [word] }) => word)), "--help"].join("|");
const commandLine = new RegExp(`\\blading(?= (?:${firstWords})(?![\\w-]))`, "g");

/** A hint as it has to be typed here: `lading login` is `imgpkg login` for who calls the program so. */
export function hintAs(hint: string, program: string): string {
  return hint.replace(commandLine, () => program);
}

function hintFor(error: LadingError, { program, command }: CalledAs): string {
  if (error.hint !== undefined) return hintAs(error.hint, program);
  // A file that is not there: no list of tags has it.
  const system = systemErrors[systemCode(error.cause) ?? ""];
  if (system !== undefined) return system.hint;
  if (error.code !== "ERR_LADING_USAGE") return hintAs(fallbackHints[error.code], program);
  return `see ${command === undefined ? program : `${program} ${command}`} --help`;
}

export function reportOf(error: unknown, called: CalledAs = { program: "lading" }): ErrorReport {
  if (error instanceof Interrupted) {
    return { code: "ERR_LADING_INTERRUPTED", message: "interrupted", exitCode: exitCodes.interrupted };
  }
  if (isLadingError(error)) {
    const parts = (error as { errors?: readonly unknown[] }).errors;
    return {
      code: error.code,
      message: error.message,
      ...(error.place === undefined ? {} : { place: error.place }),
      hint: hintFor(error, called),
      exitCode: exitCodeOf(error.code),
      ...(error.code === "ERR_LADING_PARTIAL" && parts !== undefined
        ? { errors: parts.map((part) => reportOf(part, called)) }
        : {}),
    };
  }
  const system = systemErrors[systemCode(error) ?? ""];
  if (system !== undefined) return { ...system, message: systemMessage(error) };
  return {
    code: "ERR_LADING_UNEXPECTED",
    message: messageOf(error) || "something that has no message",
    hint: "this looks like a mistake in lading; run it again with --debug and report what it says",
    exitCode: exitCodes.failed,
  };
}

/** `ENOENT: no such file or directory, open 'x'` as `x: no such file or directory`. */
function systemMessage(error: unknown): string {
  const { path } = error as { path?: unknown };
  return typeof path === "string" ? `${path}: ${systemReason(error)}` : messageOf(error);
}

/** Three lines at most for each error: what, where, what to do. With `debug` every cause and where in the code it was. */
export function formatError(error: unknown, paint: Paint, debug: boolean, called?: CalledAs): string {
  const lines = linesOf(reportOf(error, called), paint, "");
  if (debug) lines.push(...causesOf(error).map((line) => paint.dim(printable(line))));
  return lines.join("\n");
}

function linesOf(report: ErrorReport, paint: Paint, indent: string): string[] {
  if (report.code === "ERR_LADING_INTERRUPTED") return [`${indent}${paint.red("interrupted")}`];
  const lines = [`${indent}${paint.red(`error ${report.code}:`)} ${printable(report.message)}`];
  if (report.place !== undefined) lines.push(`${indent}  at ${printable(report.place)}`);
  if (report.hint !== undefined) lines.push(`${indent}  hint: ${printable(report.hint)}`);
  for (const part of report.errors ?? []) lines.push(...linesOf(part, paint, `${indent}  `));
  return lines;
}

function causesOf(error: unknown): string[] {
  const lines: string[] = [];
  const seen = new Set<unknown>();
  for (
    let at = error;
    at !== undefined && at !== null && !seen.has(at);
    at = (at as { cause?: unknown }).cause
  ) {
    if (at !== error) lines.push(`caused by: ${messageOf(at)}`);
    seen.add(at);
    const stack = (at as { stack?: unknown }).stack;
    if (typeof stack === "string") {
      lines.push(...stack.split("\n").filter((line) => line.startsWith("    at ")));
    }
  }
  return lines;
}
