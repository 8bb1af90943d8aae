import { Fault } from "./errors.ts";

/** The `n` of a list: how many entries at most. @throws Fault PAGINATION_NUMBER_INVALID */
export function pageSize(query: URLSearchParams, most: number): number {
  const text = query.get("n");
  if (text === null) return most;
  if (!/^[0-9]{1,10}$/.test(text)) {
    throw new Fault(400, "PAGINATION_NUMBER_INVALID", "n is not a number of entries", {
      detail: { n: text.slice(0, 32) },
    });
  }
  // A client's n never decides how much is put together here (CVE-2023-2253).
  return Math.min(Number(text), most);
}

/** The `Link` header to the page after the entry `last`, with the query's other keys kept. */
export function nextPage(
  path: string,
  query: URLSearchParams,
  last: string,
  keys: readonly string[],
): string {
  const next = new URLSearchParams();
  for (const key of keys) for (const value of query.getAll(key)) next.append(key, value);
  next.set("last", last);
  return `<${path}?${next}>; rel="next"`;
}
