import { collect } from "../../bytes/collect.ts";
import { limits } from "../../spec/limits.ts";
import type { Guard } from "../auth/guard.ts";
import type { Grant, Principal } from "../auth/principal.ts";
import { parseScopes } from "../auth/scopes.ts";
import { Fault } from "../errors.ts";
import type { Exchange } from "../exchange.ts";

/**
 * Gives out bearer tokens: GET with Basic credentials or none (Docker's token protocol), POST with a password (its OAuth2
 * form). A token holds what of the asked scopes the user may do, which can be nothing.
 */
export async function giveToken(exchange: Exchange, guard: Guard): Promise<void> {
  const { tokens } = guard;
  if (tokens === undefined || tokens.realm !== undefined || !tokens.canIssue) {
    throw new Fault(404, "UNSUPPORTED", "this registry gives out no tokens");
  }
  const { principal, form } =
    exchange.method === "POST"
      ? await byForm(exchange, guard)
      : { principal: exchange.principal, form: exchange.query };
  if (principal.grants !== undefined)
    throw new Fault(401, "UNAUTHORIZED", "a token cannot get another token");
  const access = guard.accessOf(principal);
  const allowed = parseScopes(form.getAll("scope"))
    .map(
      (grant): Grant => ({
        repository: grant.repository,
        actions: grant.actions.filter((action) => access.may(grant.repository, action)),
      }),
    )
    .filter((grant) => grant.actions.length > 0);
  const issued = tokens.issue(principal, guard.serviceOf(exchange), allowed);
  await exchange.sendJson(
    200,
    {
      token: issued.token,
      access_token: issued.token,
      expires_in: issued.expiresIn,
      issued_at: issued.issuedAt,
    },
    { "cache-control": "no-store" },
  );
}

async function byForm(
  exchange: Exchange,
  guard: Guard,
): Promise<{ principal: Principal; form: URLSearchParams }> {
  const body = await collect(
    exchange.body(limits.tokenBodyBytes, "a token request"),
    limits.tokenBodyBytes,
    "the token request",
  );
  const form = new URLSearchParams(body.toString("utf8"));
  if (form.get("grant_type") !== "password") {
    throw new Fault(400, "UNSUPPORTED", "the only grant_type here is password");
  }
  const user = form.get("username") ?? "";
  if (user === "" || !(await guard.verify(user, form.get("password") ?? ""))) {
    throw new Fault(401, "UNAUTHORIZED", "the credentials are wrong");
  }
  return { principal: { kind: "user", name: user }, form };
}
