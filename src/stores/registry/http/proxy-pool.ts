import type { Dispatcher, Pool as UndiciPool, ProxyAgent as UndiciProxyAgent } from "undici";
import { LadingError, messageOf } from "../../../errors.ts";

type Connect = (options: Dispatcher.ConnectOptions) => Promise<Dispatcher.ConnectData>;

export interface ProxyPoolOptions extends UndiciPool.Options {
  /** TLS with the target, and how long a connection may take. */
  readonly connection: NonNullable<UndiciProxyAgent.Options["requestTls"]>;
}

/** Connections to one origin through a proxy: tunnels for https, requests in absolute form for http. */
export async function openProxyPool(
  target: URL,
  proxy: URL,
  { connection, ...common }: ProxyPoolOptions,
): Promise<Dispatcher> {
  // The whole package: tunnels need methods that it puts together when it is loaded. By `default`, since of a CommonJS
  // package a bundle has no other names.
  const { Pool, ProxyAgent } = (await import("undici")).default;
  return new ProxyAgent({
    ...common,
    uri: proxy.href,
    proxyTunnel: target.protocol === "https:" || proxy.protocol !== "http:",
    requestTls: connection,
    clientFactory: (origin, options) => {
      const pool = new Pool(origin, options);
      const connect: Connect = pool.connect.bind(pool);
      // undici would try without end when the proxy hangs up, and names the target when it is the proxy that fails.
      return Object.assign(pool, { connect: (wanted: Dispatcher.ConnectOptions) => tunnel(connect, wanted) });
    },
  });

  async function tunnel(
    connect: Connect,
    wanted: Dispatcher.ConnectOptions,
  ): Promise<Dispatcher.ConnectData> {
    let data: Dispatcher.ConnectData;
    try {
      data = await connect(wanted);
    } catch (error) {
      throw refused(messageOf(error), true, error);
    }
    if (data.statusCode === 200) return data;
    data.socket.on("error", () => {}).destroy();
    throw refused(`it answers HTTP ${data.statusCode}`, data.statusCode >= 500);
  }

  function refused(why: string, retryable: boolean, cause?: unknown): LadingError {
    return new LadingError(
      "ERR_LADING_NETWORK",
      `the proxy ${proxy.host} gives no connection to ${target.host}: ${why}`,
      { hint: "check HTTPS_PROXY and NO_PROXY, and the proxy's user and password", retryable, cause },
    );
  }
}
