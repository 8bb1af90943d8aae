import assert from "node:assert/strict";
import { generateKeyPairSync, verify } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { json, keychains, startTokenServer } from "./support.ts";

const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const pem = privateKey.export({ type: "pkcs8", format: "pem" }) as string;
const serviceAccount = {
  type: "service_account",
  client_email: "robot@project.iam.gserviceaccount.com",
  private_key_id: "key-1",
  private_key: pem,
  token_uri: "https://evil.example/token",
};

/** Nobody listens there. */
const nowhere = "http://127.0.0.1:9";

async function keyFile(home: string, value: unknown): Promise<void> {
  const folder = join(home, ".config/gcloud");
  await mkdir(folder, { recursive: true });
  await writeFile(
    join(folder, "application_default_credentials.json"),
    typeof value === "string" ? value : JSON.stringify(value),
  );
}

test("a service account signs for itself, and only Google's own server sees it", async (t) => {
  const server = await startTokenServer(t, (_asked, response) =>
    json(response, { access_token: "ya29.token", expires_in: 3600 }),
  );
  const token = `${server.url}/token`;
  const asking = await keychains(t, ["gke"], { endpoints: { google: { token, metadata: nowhere } } });
  await keyFile(asking.home, serviceAccount);
  const found = await asking.find("europe-docker.pkg.dev", "project/app");
  assert.deepEqual([found?.username, found?.password], ["_token", "ya29.token"]);
  const [{ body = "", path = "" } = {}] = server.asked;
  assert.equal(path, "/token");
  const form = new URLSearchParams(body);
  assert.equal(form.get("grant_type"), "urn:ietf:params:oauth:grant-type:jwt-bearer");
  const [header = "", claims = "", signature = ""] = (form.get("assertion") ?? "").split(".");
  const decoded = (part: string) => JSON.parse(Buffer.from(part, "base64url").toString());
  assert.deepEqual(decoded(header), { alg: "RS256", typ: "JWT", kid: "key-1" });
  assert.deepEqual(decoded(claims), {
    iss: serviceAccount.client_email,
    scope: "https://www.googleapis.com/auth/cloud-platform",
    aud: token,
    iat: asking.now / 1000,
    exp: asking.now / 1000 + 3600,
  });
  const signed = Buffer.from(`${header}.${claims}`);
  assert.ok(verify("RSA-SHA256", signed, publicKey, Buffer.from(signature, "base64url")));
});

test("a token is asked for once, for many repositories, until shortly before it ends", async (t) => {
  const server = await startTokenServer(t, (_asked, response) =>
    json(response, { access_token: `token-${server.asked.length}`, expires_in: 3600 }),
  );
  const asking = await keychains(t, ["gke"], {
    endpoints: { google: { token: server.url, metadata: nowhere } },
  });
  await keyFile(asking.home, serviceAccount);
  const found = await Promise.all(["a", "b", "c"].map((name) => asking.find("gcr.io", name)));
  assert.deepEqual(
    found.map((credential) => credential?.password),
    ["token-1", "token-1", "token-1"],
  );
  assert.equal(found[0]?.askAgainAt, asking.now + 55 * 60 * 1000);
  asking.now += 54 * 60 * 1000;
  assert.equal((await asking.find("gcr.io"))?.password, "token-1");
  asking.now += 2 * 60 * 1000;
  const renewed = await Promise.all(["a", "b"].map((name) => asking.find("gcr.io", name)));
  assert.deepEqual(
    renewed.map((credential) => credential?.password),
    ["token-2", "token-2"],
  );
  assert.equal(server.asked.length, 2);
});

test("a user's file is renewed, also where the environment names it", async (t) => {
  const server = await startTokenServer(t, (_asked, response) =>
    json(response, { access_token: "user-token" }),
  );
  const place = await keychains(t, []);
  const path = join(place.home, "key.json");
  const user = {
    type: "authorized_user",
    client_id: "id",
    client_secret: "s3cret",
    refresh_token: "r3fresh",
  };
  await writeFile(path, JSON.stringify(user));
  const asking = await keychains(t, ["gke"], {
    variables: { GOOGLE_APPLICATION_CREDENTIALS: path },
    endpoints: { google: { token: server.url, metadata: nowhere } },
  });
  assert.equal((await asking.find("eu.gcr.io"))?.password, "user-token");
  assert.deepEqual(Object.fromEntries(new URLSearchParams(server.asked[0]?.body)), {
    grant_type: "refresh_token",
    client_id: "id",
    client_secret: "s3cret",
    refresh_token: "r3fresh",
  });
});

test("without a file the machine's own account is asked, and only where Google answers", async (t) => {
  let flavor = "Google";
  const server = await startTokenServer(t, (_asked, response) => {
    response.setHeader("metadata-flavor", flavor);
    json(response, { access_token: "machine-token", expires_in: 600 });
  });
  const first = await keychains(t, ["gke"], { variables: { GCE_METADATA_HOST: server.host } });
  assert.equal((await first.find("gcr.io"))?.password, "machine-token");
  assert.equal(server.asked[0]?.path, "/computeMetadata/v1/instance/service-accounts/default/token");
  assert.equal(server.asked[0]?.headers["metadata-flavor"], "Google");
  flavor = "Other";
  const second = await keychains(t, ["gke"], { variables: { GCE_METADATA_HOST: server.host } });
  assert.equal(await second.find("gcr.io"), undefined);
  assert.match(second.said.join("\n"), /is another server/);
});

test("nothing at all leads on to Google's helper programs, then to the next source", async (t) => {
  const helped = await keychains(t, ["gke"], {
    endpoints: { google: { metadata: nowhere } },
    helpers: { gcr: "broken", gcloud: '{"Username":"_dcgcloud_token","Secret":"from-gcloud"}' },
  });
  assert.deepEqual(await helped.find("gcr.io"), { username: "_dcgcloud_token", password: "from-gcloud" });
  assert.match(helped.said.join("\n"), /docker-credential-gcr failed: .* did not answer with JSON/);
  const alone = await keychains(t, ["gke"], { endpoints: { google: { metadata: nowhere } } });
  assert.equal(await alone.find("gcr.io"), undefined);
  assert.match(alone.said.join("\n"), /docker-credential-gcloud is not installed/);
});

test("hosts that only look like Google's get nothing", async (t) => {
  const server = await startTokenServer(t, (_asked, response) => json(response, { access_token: "x" }));
  const asking = await keychains(t, ["gke"], { endpoints: { google: { token: server.url } } });
  await keyFile(asking.home, serviceAccount);
  for (const host of [
    "gcr.io.evil.com",
    "evilgcr.io",
    "gcr.io:5000",
    "pkg.dev",
    "us-docker.pkg.dev.evil.com",
    "google.com",
    "evil-google.com",
    "gcr.io/evil",
    "x.gcr.io@evil.com",
    "docker.io",
  ]) {
    assert.equal(await asking.find(host), undefined, host);
  }
  assert.deepEqual(server.asked, []);
  assert.deepEqual(asking.said, []);
});

test("files that are no good fall through, and nothing of them is told", async (t) => {
  const cases: [unknown, RegExp][] = [
    ["not-json-with-s3cret", /not a JSON object/],
    [{ type: "service_account", private_key: "s3cret" }, /has no client_email/],
    [{ ...serviceAccount, private_key: "s3cret" }, /cannot be used to sign/],
    [{ type: "external_account", audience: "s3cret" }, /left to Google's own tools/],
    [`"${"s3cret".repeat(200_000)}"`, /larger than 1 MiB/],
  ];
  for (const [file, reason] of cases) {
    const asking = await keychains(t, ["gke"], {
      endpoints: { google: { token: nowhere, metadata: nowhere } },
    });
    await keyFile(asking.home, file);
    assert.equal(await asking.find("gcr.io"), undefined);
    assert.match(asking.said.join("\n"), reason);
    assert.doesNotMatch(asking.said.join("\n"), /s3cret/);
  }
});
