import { LadingError } from "../errors.ts";
import type { Need, Needs } from "./need.ts";
import type { PresenceAnswer } from "./presence.ts";
import type { CopyRequest } from "./request.ts";

/**
 * Requests that need a node which neither their destination nor any source has, with the error for each: missing content,
 * or damage where a source has something under that name.
 */
export async function missingContent(input: {
  readonly requests: readonly CopyRequest[];
  readonly needs: Needs;
  readonly answers: ReadonlyMap<Need, PresenceAnswer>;
  readonly sources: ReadonlyMap<Need, number | undefined>;
  /** Whether the source gives bytes for a node that it says it has not: it has others than it should. */
  readonly isDamaged: (request: CopyRequest, need: Need) => Promise<boolean>;
}): Promise<Map<number, LadingError>> {
  const { requests, needs, answers, sources } = input;
  const missing = new Map<number, Need[]>();
  for (const here of needs) {
    for (const need of here.values()) {
      if (need.optional || sources.get(need) !== undefined || answers.get(need) === "present") continue;
      for (const request of need.requests) missing.set(request, [...(missing.get(request) ?? []), need]);
    }
  }
  const errors = new Map<number, LadingError>();
  for (const [index, list] of missing) {
    const request = requests[index];
    const [first] = list;
    if (request === undefined || first === undefined) continue;
    const damaged = await firstOf(list, (need) => input.isDamaged(request, need));
    errors.set(
      index,
      damaged === undefined ? describe(request, first, list.length, needs) : damage(request, damaged),
    );
  }
  return errors;
}

async function firstOf<T>(list: readonly T[], holds: (one: T) => Promise<boolean>): Promise<T | undefined> {
  for (const one of list) if (await holds(one)) return one;
  return undefined;
}

function damage(request: CopyRequest, { role, node: { descriptor } }: Need): LadingError {
  return new LadingError(
    "ERR_LADING_SIZE_MISMATCH",
    `the ${role} ${descriptor.digest} has not the ${descriptor.size} bytes that it should have`,
    {
      place: request.from.label,
      hint: "the source is damaged: bring this content there anew; `lading layout verify DIR` finds all damage of a layout",
    },
  );
}

function describe(request: CopyRequest, need: Need, count: number, needs: Needs): LadingError {
  const { descriptor } = need.node;
  const reference = typeof request.reference === "string" ? request.reference : request.reference.digest;
  if (need.role === "root") {
    return new LadingError("ERR_LADING_NOT_FOUND", `${descriptor.digest} is not there`, {
      place: request.from.label,
    });
  }
  const parents = [...need.parents].flatMap((key) => needs[need.to]?.get(key)?.node.descriptor.digest ?? []);
  const image = reference === "" ? "the image" : reference;
  // The image may well be the manifest that lacks it.
  const whole = parents.length === 1 && parents[0] === reference ? "" : ` of ${image}`;
  const more = count === 1 ? "" : `, and ${count - 1} more like it`;
  return new LadingError(
    "ERR_LADING_MISSING_CONTENT",
    `the ${need.role} ${descriptor.digest} (${descriptor.size} bytes), which ${parents.join(" and ")}${whole} needs, is neither at ${request.from.label} nor at ${request.to.label}${more}`,
    {
      place: request.from.label,
      hint:
        need.node.kind === "manifest"
          ? "the source holds only some images of an index: choose them with platforms, or complete the source"
          : "the source is sparse or damaged: bring the missing content to the source or the destination first",
    },
  );
}
