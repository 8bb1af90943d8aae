import { isIPv4 } from "node:net";
import { connect } from "node:tls";
import { addressClass } from "./origin.ts";

/** How to speak with one host. */
export interface HostOptions {
  /**
   * true: http. "fallback": http where https does not answer. Left out: https, except on this machine and in private
   * networks, where what the port speaks is found out: loopback, the addresses of RFC 1918, `*.local`.
   */
  readonly plainHttp?: boolean | "fallback";
  /** Take any certificate. */
  readonly insecure?: boolean;
  /** PEM, in place of the system's certificate authorities. */
  readonly ca?: readonly (string | Buffer)[];
  /** Client certificate and key, PEM. */
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly passphrase?: string;
}

/** `host[:port]` → its settings. */
export type HostSettings = (host: string) => HostOptions | undefined;

/** What undici's connector and node:tls take. */
export function tlsOptions(options: HostOptions): {
  rejectUnauthorized: boolean;
  ca?: (string | Buffer)[];
  cert?: string | Buffer;
  key?: string | Buffer;
  passphrase?: string;
} {
  return {
    rejectUnauthorized: options.insecure !== true,
    ...(options.ca === undefined || options.ca.length === 0 ? {} : { ca: [...options.ca] }),
    ...(options.cert === undefined ? {} : { cert: options.cert }),
    ...(options.key === undefined ? {} : { key: options.key }),
    ...(options.passphrase === undefined ? {} : { passphrase: options.passphrase }),
  };
}

const probeTimeoutMs = 3000;

/** Whether to use https for `host[:port]`. Never falls back to http for a public host that is not allowed to. */
export async function schemeOf(
  host: string,
  options: HostOptions,
  signal?: AbortSignal,
): Promise<"http" | "https"> {
  if (options.plainHttp === true) return "http";
  if (options.plainHttp === false) return "https";
  const url = new URL(`https://${host}`);
  if (options.plainHttp !== "fallback" && !isNear(url.hostname)) return "https";
  return (await speaksTls(url, signal)) ? "https" : "http";
}

/** Where registries without TLS are usual: they are asked for https first all the same. */
function isNear(hostname: string): boolean {
  if (addressClass(hostname) === "loopback" || /\.local\.?$/.test(hostname)) return true;
  return isIPv4(hostname) && /^(?:10|192\.168|172\.(?:1[6-9]|2[0-9]|3[01]))\./.test(hostname);
}

/** Whether a TLS handshake gets an answer in TLS. Certificates are looked at later, by the real connection. */
function speaksTls(url: URL, signal?: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const host = url.hostname.replace(/^\[|\]$/g, "");
    const socket = connect({
      host,
      port: url.port === "" ? 443 : Number(url.port),
      rejectUnauthorized: false,
      // None, which spares loading the system's: nothing is trusted here, and nothing is sent.
      ca: [],
      timeout: probeTimeoutMs,
    });
    const end = (answer: boolean): void => {
      signal?.removeEventListener("abort", aborted);
      socket.destroy();
      resolve(answer);
    };
    const aborted = (): void => {
      socket.destroy();
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", aborted, { once: true });
    socket.once("secureConnect", () => end(true));
    socket.once("timeout", () => end(false));
    // A server that wants a client certificate ends the handshake with an alert: that is TLS as well.
    socket.once("error", (error: NodeJS.ErrnoException) => end(/alert/i.test(error.message)));
    socket.once("close", () => end(false));
  });
}
