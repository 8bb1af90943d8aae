/** Cookies of one upload: some load balancers bind its session to a server that way. For one origin, gone with the upload. */
export interface CookieJar {
  take(origin: string, setCookie: readonly string[]): void;
  /** The `Cookie` header for a request to this origin. */
  header(origin: string): string | undefined;
}

const mostCookies = 20;
const longestCookie = 4096;

export function createCookieJar(): CookieJar {
  const cookies = new Map<string, string>();
  let owner: string | undefined;
  return {
    take: (origin, setCookie) => {
      if (setCookie.length === 0) return;
      owner ??= origin;
      if (owner !== origin) return;
      for (const line of setCookie) {
        const pair = line.split(";", 1)[0]?.trim() ?? "";
        const equals = pair.indexOf("=");
        if (equals <= 0 || pair.length > longestCookie || /[\r\n]/.test(pair)) continue;
        if (cookies.size < mostCookies || cookies.has(pair.slice(0, equals))) {
          cookies.set(pair.slice(0, equals), pair);
        }
      }
    },
    header: (origin) => (owner === origin && cookies.size > 0 ? [...cookies.values()].join("; ") : undefined),
  };
}
