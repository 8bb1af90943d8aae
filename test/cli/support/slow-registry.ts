import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { digestOf } from "../../../src/bytes/hash.ts";

export interface SlowRegistry {
  readonly host: string;
  /** Resolves when the layer is being sent. */
  readonly sending: Promise<void>;
}

/**
 * A registry with one image `app:v1`, whose one layer comes in pieces.
 * @param pauseMs between two pieces; Infinity sends the first piece and then nothing
 */
export async function startSlowRegistry(
  t: TestContext,
  { size, piece, pauseMs }: { readonly size: number; readonly piece: number; readonly pauseMs: number },
): Promise<SlowRegistry> {
  const layer = Buffer.alloc(size, "slow ");
  const config = Buffer.from(
    JSON.stringify({
      architecture: "amd64",
      os: "linux",
      rootfs: { type: "layers", diff_ids: [digestOf(layer)] },
    }),
  );
  const describe = (mediaType: string, bytes: Buffer) => ({
    mediaType,
    digest: digestOf(bytes),
    size: bytes.length,
  });
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType,
      config: describe("application/vnd.oci.image.config.v1+json", config),
      layers: [describe("application/vnd.oci.image.layer.v1.tar", layer)],
    }),
  );
  let started = () => {};
  const sending = new Promise<void>((resolve) => {
    started = resolve;
  });
  const dribble = (response: ServerResponse, from: number) => {
    if (response.destroyed) return;
    const end = Math.min(size, from + piece);
    response.write(layer.subarray(from, end));
    started();
    if (end === size) response.end();
    else if (Number.isFinite(pauseMs)) setTimeout(() => dribble(response, end), pauseMs);
  };
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://registry");
    const send = (bytes: Buffer, type: string) => {
      response.writeHead(200, {
        "content-type": type,
        "content-length": bytes.length,
        "docker-content-digest": digestOf(bytes),
      });
      response.end(request.method === "HEAD" ? undefined : bytes);
    };
    if (pathname === "/v2/") send(Buffer.from("{}"), "application/json");
    else if (pathname.startsWith("/v2/app/manifests/")) send(manifest, mediaType);
    else if (pathname.endsWith(digestOf(config))) send(config, "application/octet-stream");
    else if (pathname.endsWith(digestOf(layer)) && request.method === "GET") {
      response.writeHead(200, { "content-type": "application/octet-stream", "content-length": size });
      dribble(response, 0);
    } else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, sending };
}
