import { readFile } from "node:fs/promises";
import { isLadingError, LadingError, messageOf } from "../../errors.ts";
import { type AccessRule, compileRights } from "./rights.ts";

/**
 * Reads rights from a file: a JSON list of `{ "who": …, "repositories": […], "actions": […] }`.
 * @throws LadingError ERR_LADING_DOCUMENT that says which rule is wrong; errors of the file system
 */
export async function rightsFile(path: string): Promise<readonly AccessRule[]> {
  const text = await readFile(path, "utf8");
  try {
    return parseRights(JSON.parse(text));
  } catch (error) {
    throw new LadingError("ERR_LADING_DOCUMENT", `the rights cannot be read: ${messageOf(error)}`, {
      place: path,
      hint:
        (isLadingError(error) ? error.hint : undefined) ??
        'write [{"who": ["jane"], "repositories": ["team/**"], "actions": ["pull", "push"]}]',
      cause: error,
    });
  }
}

/** @throws LadingError */
export function parseRights(value: unknown): readonly AccessRule[] {
  if (!Array.isArray(value)) throw wrong("it is not a list of rules");
  const rules = value.map((rule: unknown, i) => ruleOf(rule, `rule ${i + 1}`));
  compileRights(rules);
  return rules;
}

function ruleOf(value: unknown, which: string): AccessRule {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw wrong(`${which} is not an object`);
  }
  const { who, repositories, actions, ...rest } = value as Record<string, unknown>;
  // A misspelt key would silently mean something else.
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw wrong(`${which} has an unknown key ${JSON.stringify(unknown)}`);
  if (who !== "anyone" && who !== "users" && !isNames(who)) {
    throw wrong(`"who" of ${which} is not "anyone", "users" or a list of names`);
  }
  if (!isNames(repositories)) throw wrong(`"repositories" of ${which} is not a list of patterns`);
  if (!isNames(actions)) throw wrong(`"actions" of ${which} is not a list of pull, push and delete`);
  return { who, repositories, actions: actions as AccessRule["actions"] };
}

function isNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === "string");
}

function wrong(message: string): LadingError {
  return new LadingError("ERR_LADING_DOCUMENT", message);
}
