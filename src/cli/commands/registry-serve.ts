import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { LadingError, systemCode } from "../../errors.ts";
import { htpasswdFile } from "../../server/auth/passwords.ts";
import { rightsFile } from "../../server/auth/rights-file.ts";
import { formatLogJson, formatLogText, type LogEntry } from "../../server/log.ts";
import type { RegistryServerOptions } from "../../server/options.ts";
import { diskRepositories } from "../../server/repositories/disk.ts";
import { createRegistryServer } from "../../server/server.ts";
import { makeFolder } from "../../stores/make-folder.ts";
import type { Context, OptionsOf, Outcome } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import { parseDuration } from "../option-values.ts";
import { printable } from "../table.ts";
import type { registryServeSpec } from "../tree/registry.ts";

type Options = OptionsOf<typeof registryServeSpec>;

/** Serves until a signal asks it to stop; that is how it is meant to end. */
export async function run(options: Options, context: Context): Promise<Outcome> {
  const { host, port } = parseListen(options.listen);
  const path = (file: string) => resolve(context.environment.cwd, file);
  const tls = await tlsOf(options, path);
  const users = await usersOf(options, path);
  const log = logTo(options.log, context.say);
  const server = createRegistryServer({
    repositories: diskRepositories(await folderOf(path(options.dir), options.readOnly)),
    ...(tls === undefined ? {} : { tls }),
    ...users,
    ...(log === undefined ? {} : { log }),
    ...(options.rateLimit === undefined ? {} : { rateLimit: parseRate(options.rateLimit) }),
    readOnly: options.readOnly,
    children: options.children as "all" | "blobs" | "none",
    catalog: options.catalog,
    metrics: options.metrics,
    limits: {
      ...(options.maxBlob === undefined ? {} : { blobBytes: parseSize(options.maxBlob, "--max-blob") }),
      connections: options.maxConnections,
      idleMs: options.idleTimeout,
      uploadExpiryMs: options.uploadExpiry,
    },
    collection: {
      graceMs: options.gcGrace,
      untaggedManifests: options.gcUntagged,
      ...(options.gcEvery === undefined ? {} : { everyMs: options.gcEvery }),
    },
    deletes: { tags: options.allowDelete, manifests: options.allowDelete, blobs: options.allowDelete },
  });
  context.signal.throwIfAborted();
  const { url } = await server.listen({ host, port }).catch((error: unknown) => {
    throw cannotListen(error, options.listen);
  });
  context.say(`Serving ${printable(options.dir)} on ${url}`);
  if (!context.signal.aborted) {
    await new Promise((stop) => context.signal.addEventListener("abort", stop, { once: true }));
  }
  await server.close();
  return { data: { url, dir: options.dir }, text: "", exitCode: exitCodes.done };
}

/** Makes the folder, or finds out now rather than at the first request that it is none. What is only read must be there. */
async function folderOf(folder: string, readOnly: boolean): Promise<string> {
  if (!readOnly) await makeFolder(folder);
  if ((await stat(folder)).isDirectory()) return folder;
  throw new LadingError("ERR_LADING_USAGE", "--dir takes a folder", {
    place: folder,
    hint: "repositories are folders below it; choose another one",
  });
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

/** What is wrong with the address; errors of other kinds as they are. */
function cannotListen(error: unknown, address: string): unknown {
  const hint = {
    EADDRNOTAVAIL: "this machine has no such address; 0.0.0.0 stands for all that it has",
    ENOTFOUND: "write an address of this machine, or 0.0.0.0 for all that it has",
    EACCES: "ports below 1024 are for root; choose another one",
  }[systemCode(error) ?? ""];
  if (hint === undefined) return error;
  return new LadingError("ERR_LADING_USAGE", `cannot listen on ${address}`, { hint, cause: error });
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

/** `--htpasswd`, `--tokens` and `--rights`, and whether they fit together. */
async function usersOf(
  options: Options,
  path: (file: string) => string,
): Promise<Pick<RegistryServerOptions, "passwords" | "tokens" | "rights">> {
  const { htpasswd, tokens, tokenUrl, rights } = options;
  if (htpasswd === undefined && tokens) throw needsPasswords("--tokens");
  if (tokenUrl !== undefined && !tokens) {
    throw new LadingError("ERR_LADING_USAGE", "--token-url is for --tokens", { hint: "give --tokens too" });
  }
  if (tokenUrl !== undefined && !/^https?:\/\/[^/]/.test(tokenUrl)) {
    throw new LadingError("ERR_LADING_USAGE", `--token-url takes a URL, not '${tokenUrl}'`, {
      hint: "write it like https://registry.example.com/token",
    });
  }
  const rules = rights === undefined ? undefined : await rightsFile(path(rights));
  if (htpasswd === undefined && rules?.some(({ who }) => who !== "anyone"))
    throw needsPasswords("--rights for users");
  return {
    ...(htpasswd === undefined ? {} : { passwords: await htpasswdFile(path(htpasswd)) }),
    ...(tokens ? { tokens: tokenUrl === undefined ? {} : { url: tokenUrl } } : {}),
    ...(rules === undefined ? {} : { rights: rules }),
  };
}

function needsPasswords(what: string): LadingError {
  return new LadingError("ERR_LADING_USAGE", `${what} need passwords to tell users apart`, {
    hint: "give --htpasswd <file>; htpasswd -B writes it",
  });
}

const sizeUnits: Readonly<Record<string, number>> = {
  "": 1,
  kb: 1000,
  mb: 1000 ** 2,
  gb: 1000 ** 3,
  tb: 1000 ** 4,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  tib: 1024 ** 4,
};

/** Bytes of `1234`, `500MB` or `10GiB`. */
function parseSize(text: string, flag: string): number {
  const [, digits = "", unit = "?"] = /^(\d+(?:\.\d+)?) ?([kmgt]i?b|)$/.exec(text.toLowerCase()) ?? [];
  const bytes = Math.floor(Number(digits) * (sizeUnits[unit] ?? 0));
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw new LadingError("ERR_LADING_USAGE", `${flag} takes a size, not '${text}'`, {
    hint: "write bytes, or a size such as 500MB or 10GiB",
  });
}

/** `100/10s`. */
function parseRate(text: string): { readonly requests: number; readonly perMs: number } {
  const [, count = "", time = ""] = /^(\d{1,9})\/(.+)$/.exec(text) ?? [];
  const requests = Number(count);
  // `100/s` and `100/m` are what people write, too.
  const perMs = time === "" ? 0 : parseDuration(/^[a-z]/.test(time) ? `1${time}` : time, "--rate-limit");
  if (requests > 0 && perMs > 0) return { requests, perMs };
  throw new LadingError("ERR_LADING_USAGE", `--rate-limit takes a count in a time, not '${text}'`, {
    hint: "write it like 100/10s or 1000/m",
  });
}

function logTo(how: string, say: (line: string) => void): ((entry: LogEntry) => void) | undefined {
  if (how === "none") return undefined;
  return (entry) => say(how === "json" ? formatLogJson(entry) : formatLogText(entry));
}
