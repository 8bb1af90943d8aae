import { LadingError } from "../../errors.ts";
import { limits } from "../../spec/limits.ts";
import { resolveLocation } from "./http/redirects.ts";
import type { RepositoryCall, RepositorySession } from "./session.ts";

/**
 * Reads a list page by page along `Link: <…>; rel="next"`: only at the registry itself, never twice the same page, and
 * not without end.
 * @param take reads one page and says how many items it held
 */
export async function* pages(
  session: RepositorySession,
  first: RepositoryCall,
): AsyncGenerator<{
  readonly status: number;
  readonly contentType: string;
  readonly filtered: boolean;
  readonly bytes: Buffer;
  readonly elsewhere: boolean;
}> {
  const seen = new Set<string>();
  let call = first;
  for (let page = 1; ; page++) {
    if (page > limits.listPages) {
      throw new LadingError("ERR_LADING_LIMIT", `cannot ${first.what}: more than ${limits.listPages} pages`, {
        place: session.label,
      });
    }
    const { answer, bytes } = await session.read(call, limits.listPageBytes);
    const base = await session.base(first.signal);
    yield {
      status: answer.status,
      contentType: answer.headers.get("content-type") ?? "",
      filtered: /(?:^|,)\s*artifactType\s*(?:,|$)/i.test(answer.headers.get("oci-filters-applied") ?? ""),
      bytes,
      elsewhere: answer.url.origin !== base.origin,
    };
    const link = nextLink(answer.headers.all("link"));
    if (link === undefined) return;
    const next = resolveLocation(link, answer.url, session.label);
    if (next.origin !== base.origin) {
      throw new LadingError(
        "ERR_LADING_REGISTRY",
        `cannot ${first.what}: the next page is at another host, ${next.host}`,
        {
          place: session.label,
          hint: "pages are only read from the registry itself",
        },
      );
    }
    if (seen.has(next.href)) {
      throw new LadingError("ERR_LADING_REGISTRY", `cannot ${first.what}: the pages lead in a circle`, {
        place: session.label,
      });
    }
    seen.add(next.href);
    call = { ...first, to: next };
  }
}

/** The target of `rel="next"` (RFC 8288). */
function nextLink(headers: readonly string[]): string | undefined {
  for (const header of headers) {
    for (const [, target, parameters = ""] of header.matchAll(/<([^<>]*)>((?:\s*;\s*[^,;]+)*)/g)) {
      if (/;\s*rel\s*=\s*"?next"?\s*(?:;|$)/i.test(parameters)) return target;
    }
  }
  return undefined;
}
