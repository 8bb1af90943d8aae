import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { json, keychains, startTokenServer } from "./support.ts";

const principal = { AZURE_CLIENT_ID: "client", AZURE_TENANT_ID: "tenant-1" };

/** A refresh token as ACR's: it says itself when it ends. */
function refreshToken(exp: number): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "none" })}.${part({ exp })}.sig`;
}

async function startAzure(t: TestContext, refresh: string) {
  return startTokenServer(t, ({ path }, response) =>
    json(response, path === "/oauth2/exchange" ? { refresh_token: refresh } : { access_token: "aad-token" }),
  );
}

test("a service principal's secret becomes a token of Azure, and that one of the registry", async (t) => {
  const refresh = refreshToken(Date.parse("2030-01-01T03:00:00Z") / 1000);
  const server = await startAzure(t, refresh);
  const asking = await keychains(t, ["aks"], {
    variables: { ...principal, AZURE_CLIENT_SECRET: "s3cret" },
    endpoints: { azure: { login: server.url, registry: () => server.url } },
  });
  const found = await asking.find("team.azurecr.io");
  assert.deepEqual(found, {
    identityToken: refresh,
    askAgainAt: Date.parse("2030-01-01T02:55:00Z"),
  });
  const [login, exchange] = server.asked;
  assert.equal(login?.path, "/tenant-1/oauth2/v2.0/token");
  assert.deepEqual(Object.fromEntries(new URLSearchParams(login?.body)), {
    grant_type: "client_credentials",
    scope: "https://containerregistry.azure.net/.default",
    client_id: "client",
    client_secret: "s3cret",
  });
  assert.equal(exchange?.path, "/oauth2/exchange");
  assert.deepEqual(Object.fromEntries(new URLSearchParams(exchange?.body)), {
    grant_type: "access_token",
    service: "team.azurecr.io",
    tenant: "tenant-1",
    access_token: "aad-token",
  });
  assert.ok(!exchange?.body.includes("s3cret"));
});

test("a workload shows the token that its cluster gives it", async (t) => {
  const server = await startAzure(t, "refresh");
  const { home } = await keychains(t, []);
  const file = join(home, "token");
  await writeFile(file, "cluster-token\n");
  const asking = await keychains(t, ["aks"], {
    variables: { ...principal, AZURE_FEDERATED_TOKEN_FILE: file },
    endpoints: { azure: { login: server.url, registry: () => server.url } },
  });
  assert.equal((await asking.find("team.azurecr.cn"))?.identityToken, "refresh");
  const form = new URLSearchParams(server.asked[0]?.body);
  assert.equal(form.get("client_assertion"), "cluster-token");
  assert.equal(form.get("client_assertion_type"), "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
  assert.equal(form.get("scope"), "https://management.chinacloudapi.cn/.default");
});

test("a login server without TLS gets no secret", async (t) => {
  const server = await startAzure(t, "refresh");
  const asking = await keychains(t, ["aks"], {
    variables: { ...principal, AZURE_CLIENT_SECRET: "s3cret", AZURE_AUTHORITY_HOST: server.url },
  });
  assert.equal(await asking.find("team.azurecr.io"), undefined);
  assert.deepEqual(server.asked, []);
  assert.match(asking.said.join("\n"), /AZURE_AUTHORITY_HOST is not an https URL/);
});

test("without a principal Azure's helper is asked", async (t) => {
  const asking = await keychains(t, ["aks"], {
    helpers: { "acr-env": '{"Username":"<token>","Secret":"helped"}' },
  });
  assert.deepEqual(await asking.find("team.azurecr.io"), { identityToken: "helped" });
});

test("hosts that only look like Azure's get nothing", async (t) => {
  const server = await startAzure(t, "refresh");
  const asking = await keychains(t, ["aks"], {
    variables: { ...principal, AZURE_CLIENT_SECRET: "s3cret" },
    endpoints: { azure: { login: server.url, registry: () => server.url } },
  });
  for (const host of [
    "azurecr.io",
    "team.azurecr.io.evil.com",
    "team.evilazurecr.io",
    "a.b.azurecr.io",
    "team.azurecr.io:443",
    "team.azurecr.de",
  ]) {
    assert.equal(await asking.find(host), undefined, host);
  }
  assert.deepEqual(server.asked, []);
});
