import { BlockList, isIP } from "node:net";
import { LadingError } from "../../../errors.ts";

/** Proxies as `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` name them; the caller reads the environment. */
export interface ProxyOptions {
  /** For http targets, e.g. `http://user:password@proxy:3128`. */
  readonly http?: string;
  /** For https targets. */
  readonly https?: string;
  /** Comma separated: `*`, host, `.suffix`, host:port, address or CIDR (the rules of Go's httpproxy). */
  readonly no?: string;
}

/** Chooses the proxy for each target; undefined is a direct connection. @throws LadingError ERR_LADING_USAGE */
export function createProxyChooser(options: ProxyOptions = {}): (target: URL) => URL | undefined {
  const http = parseProxy(options.http);
  const https = parseProxy(options.https);
  const bypass = parseNoProxy(options.no ?? "");
  return (target) => {
    const proxy = target.protocol === "https:" ? https : http;
    return proxy === undefined || bypass(target) ? undefined : proxy;
  };
}

function parseProxy(text: string | undefined): URL | undefined {
  if (text === undefined || text.trim() === "") return undefined;
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const url = URL.canParse(withScheme) ? new URL(withScheme) : undefined;
  if (url !== undefined && /^(?:https?|socks5?):$/.test(url.protocol)) return url;
  throw new LadingError("ERR_LADING_USAGE", "the proxy is not an http, https or socks5 URL", {
    hint: "write it as http://proxy.example:3128",
  });
}

function parseNoProxy(text: string): (target: URL) => boolean {
  const rules: ((host: string, port: string, address: number) => boolean)[] = [];
  for (const raw of text.split(",")) {
    const entry = raw.trim().toLowerCase();
    if (entry === "") continue;
    if (entry === "*") return () => true;
    rules.push(networkRule(entry) ?? nameRule(entry));
  }
  return (target) => {
    const host = target.hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
    const port = target.port === "" ? (target.protocol === "https:" ? "443" : "80") : target.port;
    const address = isIP(host);
    // Loopback never goes through a proxy: it would be another machine's loopback.
    if (
      host === "localhost" ||
      loopback.check(address === 0 ? "0.0.0.0" : host, address === 6 ? "ipv6" : "ipv4")
    )
      return true;
    return rules.some((rule) => rule(host, port, address));
  };
}

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

function networkRule(entry: string) {
  const found = /^(.+)\/([0-9]{1,3})$/.exec(entry);
  const [, network = "", prefix = ""] = found ?? [];
  const version = isIP(network);
  if (version === 0 || Number(prefix) > (version === 4 ? 32 : 128)) return undefined;
  const list = new BlockList();
  list.addSubnet(network, Number(prefix), version === 4 ? "ipv4" : "ipv6");
  return (host: string, _port: string, address: number): boolean =>
    address === version && list.check(host, version === 4 ? "ipv4" : "ipv6");
}

function nameRule(entry: string) {
  const bracketed = /^\[(.+)\](?::([0-9]+))?$/.exec(entry);
  const plain = isIP(entry) === 0 ? /^([^:]+)(?::([0-9]+))?$/.exec(entry) : null;
  const [, name = entry, wantedPort] = bracketed ?? plain ?? [];
  const suffixOnly = name.startsWith(".") || name.startsWith("*.");
  const bare = name.replace(/^\*?\./, "").replace(/\.$/, "");
  return (host: string, port: string): boolean =>
    (wantedPort === undefined || wantedPort === port) &&
    ((!suffixOnly && host === bare) || (isIP(host) === 0 && host.endsWith(`.${bare}`)));
}
