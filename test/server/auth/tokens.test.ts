import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync } from "node:crypto";
import test from "node:test";
import { plainPasswords } from "../../../src/server/auth/passwords.ts";
import { parseScopes } from "../../../src/server/auth/scopes.ts";
import { Tokens } from "../../../src/server/auth/tokens.ts";
import { basic, http } from "../../support/http.ts";
import { startRegistry } from "../../support/registry.ts";
import { pushImage } from "../support.ts";

const passwords = plainPasswords({ ann: "a", bob: "b" });
const rights = [
  { who: "anyone", repositories: ["public/**"], actions: ["pull"] },
  { who: ["ann"], repositories: ["**"], actions: ["pull", "push", "delete"] },
] as const;

test("a challenge leads to a token, and the token to the content", async (t) => {
  const { url, host } = await startRegistry(t, { passwords, tokens: {}, rights });
  const refused = await http("POST", `${url}/v2/team/app/blobs/uploads/`);
  assert.equal(refused.status, 401);
  const challenge = String(refused.headers["www-authenticate"]);
  assert.equal(
    challenge,
    `Bearer realm="${url}/token",service="${host}",scope="repository:team/app:pull,push"`,
  );
  const query = `service=${host}&scope=repository:team/app:pull,push&scope=repository:public/x:pull`;
  const answer = await http("GET", `${url}/token?${query}`, { headers: basic("ann", "a") });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers["cache-control"], "no-store");
  const { token, access_token, expires_in, issued_at } = JSON.parse(answer.text);
  assert.equal(token, access_token);
  assert.equal(expires_in, 300);
  assert.ok(Math.abs(Date.parse(issued_at) - Date.now()) < 10_000);
  const bearer = { authorization: `Bearer ${token}` };
  await pushImage(url, "team/app", "v1", "layer", bearer);
  // The user may, this token may not.
  const other = await http("GET", `${url}/v2/team/other/tags/list`, { headers: bearer });
  assert.equal(other.status, 401);
  assert.match(String(other.headers["www-authenticate"]), /error="insufficient_scope"/);
  assert.equal((await http("DELETE", `${url}/v2/team/app/manifests/v1`, { headers: bearer })).status, 401);
});

test("tokens hold what the user may, no more", async (t) => {
  const { url } = await startRegistry(t, { passwords, tokens: {}, rights });
  await pushImage(url, "public/app", "v1", "layer", basic("ann", "a"));
  const tokenOf = async (headers: Record<string, string>, scope: string) => {
    const { token } = JSON.parse((await http("GET", `${url}/token?scope=${scope}`, { headers })).text);
    return { authorization: `Bearer ${token}` };
  };
  const anonymous = await tokenOf({}, "repository:public/app:pull,push,delete");
  assert.equal((await http("GET", `${url}/v2/public/app/tags/list`, { headers: anonymous })).status, 200);
  assert.equal(
    (await http("POST", `${url}/v2/public/app/blobs/uploads/`, { headers: anonymous })).status,
    401,
  );
  const bob = await tokenOf(basic("bob", "b"), "repository:private/app:pull");
  assert.equal((await http("GET", `${url}/v2/private/app/tags/list`, { headers: bob })).status, 401);
  assert.equal((await http("GET", `${url}/v2/`, { headers: bob })).status, 200);
  assert.equal((await http("GET", `${url}/token`, { headers: basic("bob", "x") })).status, 401);
  // A token is not worth another token.
  assert.equal((await http("GET", `${url}/token`, { headers: bob })).status, 401);
});

test("tokens by OAuth2's form", async (t) => {
  const { url } = await startRegistry(t, { passwords, tokens: {}, rights });
  const ask = (form: Record<string, string>) =>
    http("POST", `${url}/token`, {
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams(form).toString(),
    });
  const good = await ask({
    grant_type: "password",
    username: "ann",
    password: "a",
    scope: "repository:x:push",
    service: "s",
  });
  const bearer = { authorization: `Bearer ${JSON.parse(good.text).access_token}` };
  assert.equal((await http("POST", `${url}/v2/x/blobs/uploads/`, { headers: bearer })).status, 202);
  assert.equal((await ask({ grant_type: "password", username: "ann", password: "b" })).status, 401);
  assert.equal((await ask({ grant_type: "refresh_token", refresh_token: "x" })).status, 400);
});

test("tokens of another key, issuer, audience or time are not taken", () => {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const key = { algorithm: "ES256", publicKey, privateKey } as const;
  const ann = { kind: "user", name: "ann" } as const;
  const grants = [{ repository: "x", actions: ["pull"] }] as const;
  const tokens = new Tokens({ key });
  const { token } = tokens.issue(ann, "here", grants);
  assert.deepEqual(tokens.check(token, "here"), { ...ann, grants });
  assert.equal(tokens.check(token, "elsewhere"), undefined);
  assert.equal(new Tokens({ key, issuer: "other" }).check(token, "here"), undefined);
  assert.equal(new Tokens({}).check(token, "here"), undefined);
  const stale = new Tokens({ key, lifetime: -60 }).issue(ann, "here", grants).token;
  assert.equal(tokens.check(stale, "here"), undefined);
  const reader = new Tokens({ key: { algorithm: "ES256", publicKey } });
  assert.equal(reader.canIssue, false);
  assert.deepEqual(reader.check(token, "here"), { ...ann, grants });
  const [head, body, signature] = token.split(".");
  for (const bad of [
    "",
    "a.b.c",
    `${head}.${body}`,
    `${head}.${body}.`,
    `${token}x`,
    `x${token}`,
    `${head}.${Buffer.from("{}").toString("base64url")}.${signature}`,
  ])
    assert.equal(tokens.check(bad, "here"), undefined, bad);
});

test("the algorithm of a token is not the token's choice", () => {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const tokens = new Tokens({ key: { algorithm: "ES256", publicKey, privateKey } });
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = encode({ iss: "lading", aud: "here", sub: "ann", exp: 9e9, access: [] });
  const none = `${encode({ alg: "none" })}.${claims}.x`;
  assert.equal(tokens.check(none, "here"), undefined);
  // The public key as if it were a shared secret.
  const input = `${encode({ alg: "HS256" })}.${claims}`;
  const pem = publicKey.export({ type: "spki", format: "pem" });
  const forged = `${input}.${createHmac("sha256", pem).update(input).digest("base64url")}`;
  assert.equal(tokens.check(forged, "here"), undefined);
});

test("scopes", () => {
  assert.deepEqual(
    parseScopes([
      "repository:a/b:pull,push repository:c:*",
      "registry:catalog:*",
      "repository:../x:pull",
      "repository:d:fly",
    ]),
    [
      { repository: "a/b", actions: ["pull", "push"] },
      { repository: "c", actions: ["pull", "push", "delete"] },
      { repository: "d", actions: [] },
    ],
  );
  assert.equal(parseScopes([Array(500).fill("repository:a:pull").join(" ")]).length, 100);
});
