import { LadingError } from "../../../errors.ts";
import { addressClass } from "./origin.ts";

/** Which redirect statuses keep the method, and which only make sense for reading. */
export function isRedirect(status: number, method: string): boolean {
  const reading = method === "GET" || method === "HEAD";
  return (
    status === 307 || status === 308 || (reading && (status === 301 || status === 302 || status === 303))
  );
}

/**
 * Where a `Location`, `Link` or realm leads, resolved against the URL that was asked.
 *
 * A registry behind a TLS proxy may name itself with http or without its port: for the same host the scheme and port
 * that were asked stay. To any other place https never becomes http, and a registry cannot send its clients to
 * addresses that only they can reach.
 * @throws LadingError ERR_LADING_REGISTRY
 */
export function resolveLocation(location: string, asked: URL, place: string): URL {
  if (!URL.canParse(location, asked.href)) throw refused("is not a URL", place);
  const target = new URL(location, asked);
  target.username = "";
  target.password = "";
  target.hash = "";
  if (target.protocol !== "https:" && target.protocol !== "http:") throw refused("is not an http URL", place);
  if (asked.protocol === "https:" && target.protocol === "http:") {
    const samePort = target.port === asked.port || target.port === "" || target.port === "443";
    if (target.hostname !== asked.hostname || !samePort) throw refused("would leave https for http", place);
    target.protocol = "https:";
    target.port = asked.port;
  }
  if (!mayLeadTo(target, asked))
    throw refused(`leads to ${target.hostname}, which is not for others to name`, place);
  return target;
}

/** Loopback, link-local and unspecified addresses only when the asked host is of that kind itself. */
function mayLeadTo(target: URL, asked: URL): boolean {
  if (target.hostname === asked.hostname) return true;
  const to = addressClass(target.hostname);
  const from = addressClass(asked.hostname);
  if (to === "loopback") return from === "loopback";
  return to !== "link-local" && to !== "unspecified";
}

function refused(why: string, place: string): LadingError {
  return new LadingError("ERR_LADING_REGISTRY", `the registry answered with a location that ${why}`, {
    place,
    hint: "the registry or a proxy in front of it is set up wrongly, or somebody is in between",
  });
}
