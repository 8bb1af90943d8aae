import { once } from "node:events";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Credential } from "../../../../src/stores/registry/auth/credentials.ts";
import {
  type KeychainName,
  type KeychainOptions,
  keychainCredentials,
} from "../../../../src/stores/registry/auth/keychains/keychains.ts";
import { startOrigin } from "../../../support/hostile-origin.ts";
import { tempDir } from "../../../support/tmp.ts";

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** A cloud's token server that answers as the test says. */
export async function startTokenServer(
  t: TestContext,
  answer: (asked: Asked, response: ServerResponse) => void,
): Promise<{ url: string; host: string; asked: Asked[] }> {
  const asked: Asked[] = [];
  const { url, host } = await startOrigin(t, async (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    await once(request, "end");
    const question = {
      method: request.method ?? "",
      path: request.url ?? "",
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
    };
    asked.push(question);
    answer(question, response);
  });
  return { url, host, asked };
}

export function json(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
}

export interface Asking {
  find(registry: string, repository?: string): Promise<Credential | undefined>;
  /** What `--debug` would show. */
  readonly said: string[];
  readonly home: string;
  now: number;
}

/** Keychains in an empty home with no helper programs but those given: name to what it prints. */
export async function keychains(
  t: TestContext,
  names: readonly KeychainName[],
  options: Partial<KeychainOptions> & { readonly helpers?: Readonly<Record<string, string>> } = {},
): Promise<Asking> {
  const home = await tempDir(t);
  const bin = join(home, "bin");
  await mkdir(bin);
  for (const [name, output] of Object.entries(options.helpers ?? {})) {
    const path = join(bin, `docker-credential-${name}`);
    await writeFile(path, `#!/bin/sh\necho '${output}'\n`);
    await chmod(path, 0o755);
  }
  const asking: Asking = {
    said: [],
    home,
    now: Date.parse("2030-01-01T00:00:00Z"),
    find: (registry, repository = "app") => source.find(registry, repository),
  };
  const source = keychainCredentials(names, {
    home,
    on: (event) => {
      if (event.type === "debug") asking.said.push(event.message);
    },
    clock: { now: () => asking.now, random: () => 0, sleep: async () => {} },
    ...options,
    variables: { PATH: bin, ...options.variables },
  });
  return asking;
}
