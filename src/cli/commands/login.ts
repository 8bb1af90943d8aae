import { LadingError } from "../../errors.ts";
import type { Credential } from "../../stores/registry/auth/credentials.ts";
import { storeLogin } from "../../stores/registry/auth/login.ts";
import { ask, readInput } from "../ask.ts";
import type { Context, OptionsOf, Outcome } from "../command.ts";
import { Places } from "../places.ts";
import { parseRegistry } from "../registry-name.ts";
import { loginFile } from "../stored-credentials.ts";
import type { loginSpec } from "../tree/registry.ts";

type Options = OptionsOf<typeof loginSpec>;

export async function run(options: Options, context: Context, [name]: readonly string[]): Promise<Outcome> {
  const registry = parseRegistry(name);
  const credential = await credentialFrom(options, context);
  await using places = new Places(options, context);
  await (await places.client(registry)).checkLogin(registry, credential, context.signal);
  const { environment, signal } = context;
  const kept = await storeLogin(loginFile(environment), registry, credential, {
    env: environment.variables,
    signal,
  });
  return {
    data: { registry, username: credential.username, kept },
    text: `Logged in to ${registry} as ${credential.username}; kept in ${kept}`,
    quiet: "",
  };
}

async function credentialFrom(options: Options, context: Context): Promise<Credential> {
  const username = options.username ?? options.registryUsername;
  const password = options.password ?? options.registryPassword;
  if (options.passwordStdin && password !== undefined) {
    throw new LadingError("ERR_LADING_USAGE", "--password-stdin and --password cannot be had together");
  }
  const canAsk = context.stdin.isTTY === true && !options.passwordStdin;
  if (!canAsk && (username === undefined || (password === undefined && !options.passwordStdin))) {
    throw new LadingError("ERR_LADING_USAGE", "a user name and a password are needed", {
      hint: "write -u NAME --password-stdin < FILE; on a terminal lading asks for both",
    });
  }
  return {
    username: username ?? (await ask("User name:", context, { hidden: false })),
    password:
      password ??
      (options.passwordStdin ? await readInput(context) : await ask("Password:", context, { hidden: true })),
  };
}
