import { open } from "node:fs/promises";
import { LadingError, systemCode } from "../../../../errors.ts";
import { isRecord } from "../auth-file.ts";

const largestFile = 1024 * 1024;

/**
 * A file that holds a secret. Errors name the file and never what is in it.
 * @returns undefined when there is none. @throws LadingError ERR_LADING_STORE, ERR_LADING_LIMIT
 */
export async function readSecretFile(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path, "r");
    const { size } = await file.stat();
    if (size > largestFile) {
      throw new LadingError("ERR_LADING_LIMIT", "the credentials file is larger than 1 MiB", { place: path });
    }
    return await file.readFile("utf8");
  } catch (error) {
    if (error instanceof LadingError) throw error;
    const code = systemCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new LadingError("ERR_LADING_STORE", `cannot read the credentials file: ${code ?? "unknown"}`, {
      place: path,
      cause: error,
    });
  }
}

/** @throws LadingError ERR_LADING_DOCUMENT */
export function secretJson(text: string, path: string): Readonly<Record<string, unknown>> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // JSON's own message quotes the text around the mistake.
    json = undefined;
  }
  if (isRecord(json)) return json;
  throw new LadingError("ERR_LADING_DOCUMENT", "the credentials file is not a JSON object", { place: path });
}

/** @throws LadingError ERR_LADING_DOCUMENT when the field is not there */
export function secretField(json: Readonly<Record<string, unknown>>, field: string, path: string): string {
  const value = Object.hasOwn(json, field) ? json[field] : undefined;
  if (typeof value === "string" && value !== "") return value;
  throw new LadingError("ERR_LADING_DOCUMENT", `the credentials file has no ${field}`, { place: path });
}
