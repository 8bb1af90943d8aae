import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { LadingError, messageOf } from "../../errors.ts";
import { htpasswdFile } from "../../server/auth/passwords.ts";
import type { AccessRule } from "../../server/auth/rights.ts";
import { formatLogJson, formatLogText, type LogEntry } from "../../server/log.ts";
import { diskRepositories } from "../../server/repositories/disk.ts";
import { createRegistryServer } from "../../server/server.ts";
import type { Context, OptionsOf, Outcome } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import { printable } from "../table.ts";
import type { registryServeSpec } from "../tree/registry.ts";

type Options = OptionsOf<typeof registryServeSpec>;

/** Serves until a signal asks it to stop; that is how it is meant to end. */
export async function run(options: Options, context: Context): Promise<Outcome> {
  const { host, port } = parseListen(options.listen);
  const path = (file: string) => resolve(context.environment.cwd, file);
  const tls = await tlsOf(options, path);
  const rights = options.rights === undefined ? undefined : await readRights(path(options.rights));
  const log = logTo(options.log, context.say);
  const server = createRegistryServer({
    repositories: await diskRepositories(path(options.dir)),
    ...(tls === undefined ? {} : { tls }),
    ...(options.htpasswd === undefined ? {} : { passwords: await htpasswdFile(path(options.htpasswd)) }),
    ...(options.tokens ? { tokens: {} } : {}),
    ...(rights === undefined ? {} : { rights }),
    ...(log === undefined ? {} : { log }),
    readOnly: options.readOnly,
    collection: {
      graceMs: options.gcGrace,
      untaggedManifests: options.gcUntagged,
      ...(options.gcEvery === undefined ? {} : { everyMs: options.gcEvery }),
    },
    deletes: { tags: options.allowDelete, manifests: options.allowDelete, blobs: options.allowDelete },
  });
  context.signal.throwIfAborted();
  const { url } = await server.listen({ host, port });
  context.say(`Serving ${printable(options.dir)} on ${url}`);
  await new Promise((stop) => context.signal.addEventListener("abort", stop, { once: true }));
  await server.close();
  return { data: { url, dir: options.dir }, text: "", exitCode: exitCodes.done };
}

/** `host:port`, `[::1]:port` or `:port` for all addresses. */
function parseListen(text: string): { readonly host: string; readonly port: number } {
  const [, bracketed, plain = "", digits = ""] =
    /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === "" || port > 65_535) {
    throw new LadingError("ERR_LADING_USAGE", `--listen takes host:port, not '${text}'`, {
      hint: "write 127.0.0.1:5000, [::1]:5000, or 0.0.0.0:5000 for every address",
    });
  }
  return { host: bracketed ?? (plain === "" ? "0.0.0.0" : plain), port };
}

async function tlsOf(
  { tlsCert, tlsKey, clientCa }: Options,
  path: (file: string) => string,
): Promise<{ readonly cert: Buffer; readonly key: Buffer; readonly clientCa?: Buffer } | undefined> {
  if (tlsCert === undefined && tlsKey === undefined && clientCa === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new LadingError("ERR_LADING_USAGE", "--tls-cert and --tls-key belong together", {
      hint: "give both, or none; --client-ca needs them too",
    });
  }
  const [cert, key] = [await readFile(path(tlsCert)), await readFile(path(tlsKey))];
  return { cert, key, ...(clientCa === undefined ? {} : { clientCa: await readFile(path(clientCa)) }) };
}

/** A JSON list of `{ "who": …, "repositories": […], "actions": […] }`. */
async function readRights(file: string): Promise<readonly AccessRule[]> {
  try {
    const rules: unknown = JSON.parse(await readFile(file, "utf8"));
    if (Array.isArray(rules) && rules.every(isRule)) return rules;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw notRights(file, messageOf(error));
  }
  throw notRights(file, "it is not a list of rules");
}

function notRights(file: string, why: string): LadingError {
  return new LadingError("ERR_LADING_DOCUMENT", `the rights cannot be read: ${why}`, {
    place: file,
    hint: 'write [{"who": ["jane"], "repositories": ["team/**"], "actions": ["pull", "push"]}]',
  });
}

function isRule(value: unknown): value is AccessRule {
  const { who, repositories, actions } = (value ?? {}) as Record<string, unknown>;
  const isList = (list: unknown) => Array.isArray(list) && list.every((item) => typeof item === "string");
  return (who === "anyone" || who === "users" || isList(who)) && isList(repositories) && isList(actions);
}

function logTo(how: string, say: (line: string) => void): ((entry: LogEntry) => void) | undefined {
  if (how === "none") return undefined;
  return (entry) => say(how === "json" ? formatLogJson(entry) : formatLogText(entry));
}
