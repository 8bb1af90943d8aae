/** Errors as imgpkg words and lays them out. */
import { STATUS_CODES } from "node:http";
import { stepsOf } from "../../bundle/steps.ts";
import {
  type ErrorCode,
  isLadingError,
  type LadingError,
  messageOf,
  PartialError,
  RegistryError,
} from "../../errors.ts";
import { hintAs } from "../error-report.ts";
import { Interrupted } from "../interrupt.ts";
import { systemReason } from "../system-error.ts";
import { goValue } from "./go-value.ts";
import { goWords } from "./go-words.ts";

/** Errors whose own words do not say where: about content and files, not about what was asked for. */
const placed: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "ERR_LADING_DOCUMENT",
  "ERR_LADING_ARCHIVE",
  "ERR_LADING_DIGEST_MISMATCH",
  "ERR_LADING_SIZE_MISMATCH",
  "ERR_LADING_LIMIT",
  "ERR_LADING_UNSAFE_PATH",
  "ERR_LADING_STORE",
]);

/** The sentence of an error: its steps, what was answered or went wrong, and what to do; several lines only for several errors. */
export function sentenceOf(error: unknown): string {
  if (error instanceof Interrupted) return "interrupted";
  if (!isLadingError(error)) return systemSentence(error);
  const steps = stepsOf(error).map((step) => `${step}: `);
  return steps.join("") + ownSentence(error);
}

function ownSentence(error: LadingError): string {
  if (error instanceof RegistryError) return registrySentence(error);
  if (error instanceof PartialError) {
    return [error.message, ...error.errors.map((part) => `- ${sentenceOf(part)}`)].join("\n");
  }
  const answer = answerBehind(error);
  // What the registry said must be there to be read, however it is wrapped.
  const said =
    answer === undefined
      ? connectionSentence(error)
      : isTold(answer, error.message)
        ? ""
        : `: ${registrySentence(answer)}`;
  const place =
    error.place !== undefined && placed.has(error.code) && !error.message.includes(error.place)
      ? ` (at ${error.place})`
      : "";
  const hint = error.hint === undefined ? "" : ` (hint: ${hintAs(error.hint, "imgpkg")})`;
  return `${error.message}${said}${place}${hint}`;
}

function connectionSentence(error: LadingError): string {
  if (error.code !== "ERR_LADING_NETWORK" && error.code !== "ERR_LADING_TLS") return "";
  const words = goWords(error);
  return words === undefined ? "" : `: ${words}`;
}

function answerBehind(error: LadingError): RegistryError | undefined {
  let at: unknown = error.cause;
  for (let depth = 0; depth < 10 && at instanceof Error; depth++) {
    if (at instanceof RegistryError) return at;
    at = at.cause;
  }
  return undefined;
}

function isTold({ errors, status }: RegistryError, message: string): boolean {
  return errors.length > 0
    ? errors.every(({ code }) => message.includes(code))
    : message.includes(String(status));
}

/** `GET URL: MANIFEST_UNKNOWN: manifest unknown; map[Tag:v1]`, as go-containerregistry has it. */
function registrySentence({ method, url, status, errors, body }: RegistryError): string {
  return `${method} ${url}: ${errors.length === 0 ? statusSentence(status, body) : listSentence(errors)}`;
}

function statusSentence(status: number, body: string | undefined): string {
  const text = `unexpected status code ${status} ${STATUS_CODES[status] ?? ""}`.trimEnd();
  return body === undefined ? text : `${text}: ${body}`;
}

function listSentence(errors: RegistryError["errors"]): string {
  const all = errors.map(({ code, message, detail }) =>
    detail === undefined ? `${code}: ${message}` : `${code}: ${message}; ${goValue(detail)}`,
  );
  return all.length === 1 ? (all[0] ?? "") : `multiple errors returned: ${all.join("; ")}`;
}

/** `open P: no such file or directory`. */
function systemSentence(error: unknown): string {
  const { syscall, path } = Object(error) as { syscall?: unknown; path?: unknown };
  if (typeof syscall !== "string" || typeof path !== "string") {
    return messageOf(error) || "something that has no message";
  }
  return `${syscall} ${path}: ${systemReason(error)}`;
}

const openers = "([{";
const closers = ")]}";

/**
 * Breaks the first line where a step ends: after each `: ` before a capital outside of brackets, every piece two more
 * columns to the right. A bracket that closes nothing is text.
 */
export function layOut(sentence: string): string {
  const [first = "", ...others] = sentence.split("\n");
  const pieces: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < first.length; i++) {
    const character = first.charAt(i);
    if (openers.includes(character)) depth++;
    else if (closers.includes(character)) depth = Math.max(0, depth - 1);
    else if (depth === 0 && character === ":" && /^: [A-Z]/.test(first.slice(i, i + 3))) {
      pieces.push(first.slice(start, i + 1));
      start = i + 2;
    }
  }
  pieces.push(first.slice(start));
  return [...pieces.map((piece, k) => "  ".repeat(k) + piece), ...others].join("\n");
}
