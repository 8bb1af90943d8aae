import { execFile } from "node:child_process";
import { LadingError, systemCode } from "../../../errors.ts";
import { type Clock, systemClock } from "../http/clock.ts";
import type { Credential } from "./credentials.ts";

export interface HelperOptions {
  /** Environment of the program; this process's own when left out. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
  readonly clock?: Pick<Clock, "sleep">;
}

const timeoutMs = 30_000;
const longestAnswer = 128 * 1024;
/** What helpers print when they know nothing of a server (docker-credential-helpers, `errCredentialsNotFound`). */
const notFound = /credentials not found|no credentials|could not be found in the keychain/i;

/** Between the tries when a helper fails: some ask a service for a fresh token, and several may run at once. */
const waitsMs = [200, 400, 800, 1600, 3200];

/**
 * Asks `docker-credential-<name>` for a credential; again, up to five times, when it fails.
 * @returns undefined when it knows none
 * @throws LadingError ERR_LADING_UNAUTHORIZED when the helper is absent or fails
 */
export async function getFromHelper(
  name: string,
  server: string,
  options: HelperOptions = {},
): Promise<Credential | undefined> {
  const answer = await getAnswer(name, server, options);
  if (answer === undefined) return undefined;
  let json: { Username?: unknown; Secret?: unknown };
  try {
    json = Object(JSON.parse(answer));
  } catch {
    throw new HelperError(name, "did not answer with JSON");
  }
  if (typeof json.Username !== "string" || typeof json.Secret !== "string") {
    throw new HelperError(name, "answered without a user name and a secret");
  }
  if (json.Username === "" && json.Secret === "") return undefined;
  return json.Username === "<token>"
    ? { identityToken: json.Secret }
    : { username: json.Username, password: json.Secret };
}

async function getAnswer(name: string, server: string, options: HelperOptions): Promise<string | undefined> {
  const { clock = systemClock, signal } = options;
  for (const wait of waitsMs) {
    try {
      return await call(name, "get", server, options);
    } catch (error) {
      if (!(error instanceof HelperError && error.ran)) throw error;
      await clock.sleep(wait, signal);
    }
  }
  return await call(name, "get", server, options);
}

/** Hands a credential over for keeping. @throws LadingError ERR_LADING_UNAUTHORIZED */
export async function storeWithHelper(
  name: string,
  server: string,
  credential: Credential,
  options: HelperOptions = {},
): Promise<void> {
  const entry =
    credential.identityToken === undefined
      ? { Username: credential.username ?? "", Secret: credential.password ?? "" }
      : { Username: "<token>", Secret: credential.identityToken };
  await call(name, "store", JSON.stringify({ ServerURL: server, ...entry }), options);
}

/** @throws LadingError ERR_LADING_UNAUTHORIZED */
export async function eraseWithHelper(
  name: string,
  server: string,
  options: HelperOptions = {},
): Promise<void> {
  await call(name, "erase", server, options);
}

class HelperError extends LadingError {
  /** It ran and failed: another run may do better. */
  readonly ran: boolean;

  constructor(name: string, why: string, { ran = false } = {}) {
    super("ERR_LADING_UNAUTHORIZED", `the credential helper docker-credential-${name} ${why}`, {
      hint: "see credHelpers and credsStore in the docker configuration",
    });
    this.ran = ran;
  }
}

/** One run of the program, without a shell. @returns undefined when it says that it does not know the server */
function call(
  name: string,
  action: "get" | "store" | "erase",
  input: string,
  options: HelperOptions,
): Promise<string | undefined> {
  if (!/^[a-zA-Z0-9._-]+$/.test(name)) {
    throw new LadingError(
      "ERR_LADING_USAGE",
      `not the name of a credential helper: ${JSON.stringify(name)}`,
      {
        hint: "credHelpers and credsStore name programs by what follows docker-credential-",
      },
    );
  }
  return new Promise((resolve, reject) => {
    const child = execFile(
      `docker-credential-${name}`,
      [action],
      {
        timeout: timeoutMs,
        maxBuffer: longestAnswer,
        encoding: "utf8",
        windowsHide: true,
        ...(options.env === undefined ? {} : { env: options.env }),
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      },
      (error, stdout) => {
        if (error === null) return resolve(stdout);
        if (options.signal?.aborted === true) return reject(options.signal.reason);
        if (notFound.test(stdout)) return resolve(undefined);
        // Neither the output nor Node's message is told: both may hold the secret.
        if (systemCode(error) === "ENOENT") return reject(new HelperError(name, "is not installed"));
        if (error.killed === true)
          return reject(new HelperError(name, `did not end within ${timeoutMs / 1000} s`));
        reject(new HelperError(name, `failed to ${action} a credential`, { ran: true }));
      },
    );
    // A helper that does not read its input ends the pipe early; how it ended is told by its status.
    child.stdin?.on("error", () => {});
    child.stdin?.end(input);
  });
}
