import { eraseLogin } from "../../stores/registry/auth/login.ts";
import type { Context, Outcome } from "../command.ts";
import { parseRegistry } from "../registry-name.ts";
import { loginFile } from "../stored-credentials.ts";

export async function run(_options: object, context: Context, [name]: readonly string[]): Promise<Outcome> {
  const registry = parseRegistry(name);
  const { environment, signal } = context;
  const was = await eraseLogin(loginFile(environment), registry, { env: environment.variables, signal });
  return {
    data: { registry, loggedIn: was },
    text: was ? `Logged out of ${registry}` : `Not logged in to ${registry}`,
    quiet: "",
  };
}
