import { LadingError } from "../../../errors.ts";
import { addressClass } from "../http/origin.ts";

/** "credentials": may get them. "anonymous": may be asked, but without. */
export type RealmTrust = "credentials" | "anonymous";

/** Suffixes under which strangers register names, where two labels in common mean nothing. The common ones. */
const sharedSuffixes: ReadonlySet<string> = new Set(
  `co.uk org.uk ac.uk gov.uk com.au net.au org.au co.nz co.jp ne.jp or.jp com.br com.cn net.cn org.cn com.tr com.mx
  co.in co.kr co.za com.sg com.hk com.tw com.ar co.il com.pl com.ua azurecr.io azurewebsites.net cloudapp.net windows.net
  amazonaws.com elasticbeanstalk.com cloudfront.net herokuapp.com github.io gitlab.io netlify.app vercel.app web.app
  appspot.com run.app pkg.dev firebaseapp.com workers.dev pages.dev fly.dev onrender.com ngrok.io ngrok-free.app
  cluster.local svc.local digitaloceanspaces.com linodeobjects.com`.split(/\s+/),
);

/**
 * Decides what a token service that a registry names may get (CVE-2026-48978 is what happens without).
 * @param registry the URL that answered with the challenge
 * @param trusted host names that the caller or the quirks table trusts with this registry's credentials
 * @throws LadingError ERR_LADING_UNAUTHORIZED when it must not be asked at all
 */
export function judgeRealm(realm: URL, registry: URL, trusted: readonly string[], place: string): RealmTrust {
  const refuse = (why: string): LadingError =>
    new LadingError(
      "ERR_LADING_UNAUTHORIZED",
      `the registry names a token service that ${why}: ${realm.host}`,
      {
        place,
        hint: "the registry is set up wrongly, or somebody is in between; nothing was sent there",
      },
    );
  if (realm.protocol !== "https:" && realm.protocol !== "http:") throw refuse("is not an http URL");
  const sameHost = realm.hostname === registry.hostname || bothLoopback(realm, registry);
  if (realm.protocol === "http:" && (registry.protocol !== "http:" || !sameHost))
    throw refuse("is not https");
  if (sameHost) return "credentials";
  const kind = addressClass(realm.hostname);
  if (kind !== "name" && kind !== "public") throw refuse("is not on the public network");
  if (trusted.some((host) => host.toLowerCase() === realm.hostname || host.toLowerCase() === realm.host)) {
    return "credentials";
  }
  return related(realm.hostname, registry.hostname) ? "credentials" : "anonymous";
}

function bothLoopback(realm: URL, registry: URL): boolean {
  return addressClass(realm.hostname) === "loopback" && addressClass(registry.hostname) === "loopback";
}

/** Whether two names belong to one owner as far as names tell: one is above the other, or they share a domain. */
function related(a: string, b: string): boolean {
  if (addressClass(a) !== "name" || addressClass(b) !== "name") return false;
  const domain = domainOf(a);
  return domain !== undefined && domain === domainOf(b);
}

function domainOf(host: string): string | undefined {
  const labels = host.replace(/\.$/, "").split(".");
  const two = labels.slice(-2).join(".");
  if (labels.length < 2 || sharedSuffixes.has(host)) return undefined;
  return sharedSuffixes.has(two) || /\.amazonaws\.com(?:\.cn)?$/.test(host) ? ownUnder(labels, two) : two;
}

function ownUnder(labels: readonly string[], suffix: string): string | undefined {
  // Clouds hang customers' names at any depth: there only the whole name counts.
  if (/\.(?:com|net|app|dev|io)$/.test(`.${suffix}`) && !/^(?:com|net|org|co)\./.test(suffix))
    return labels.join(".");
  return labels.length >= 3 ? labels.slice(-3).join(".") : undefined;
}
