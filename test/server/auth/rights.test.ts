import assert from "node:assert/strict";
import test from "node:test";
import { htpasswd, plainPasswords } from "../../../src/server/auth/passwords.ts";
import { type AccessRule, compileRights } from "../../../src/server/auth/rights.ts";
import { basic, http } from "../../support/http.ts";
import { startRegistry } from "../../support/registry.ts";
import { pushImage } from "../support.ts";

const passwords = plainPasswords({ ann: "a", bob: "b", eve: "e" });
const rules: readonly AccessRule[] = [
  { who: "anyone", repositories: ["public/**"], actions: ["pull"] },
  { who: "users", repositories: ["shared/*"], actions: ["pull", "push"] },
  { who: ["ann"], repositories: ["**"], actions: ["pull", "push", "delete"] },
  { who: ["bob"], repositories: ["bob", "bob/**"], actions: ["pull", "push"] },
];

test("patterns of repositories", () => {
  const rights = compileRights(rules);
  const anonymous = { kind: "anonymous" } as const;
  const bob = { kind: "user", name: "bob" } as const;
  assert.ok(rights.allows(anonymous, "public/a/b", "pull"));
  assert.ok(!rights.allows(anonymous, "public", "pull"));
  assert.ok(!rights.allows(anonymous, "publicity/a", "pull"));
  assert.ok(rights.allows(bob, "shared/x", "push"));
  assert.ok(!rights.allows(bob, "shared/x/y", "push"));
  assert.ok(!rights.allows(bob, "shared/x", "delete"));
  assert.ok(rights.allows(bob, "bob", "push") && rights.allows(bob, "bob/x/y", "push"));
  assert.ok(!rights.allows(bob, "bobby", "pull"));
  const narrow = { ...bob, grants: [{ repository: "bob", actions: ["pull"] }] } as const;
  assert.ok(rights.allows(narrow, "bob", "pull"));
  assert.ok(!rights.allows(narrow, "bob", "push") && !rights.allows(narrow, "shared/x", "pull"));
  assert.throws(() => compileRights([{ who: "anyone", repositories: ["A/b"], actions: [] }]), {
    code: "ERR_LADING_USAGE",
  });
});

test("each end-point and method wants its right", async (t) => {
  const { url } = await startRegistry(t, { passwords, rights: rules });
  const [ann, bob] = [basic("ann", "a"), basic("bob", "b")];
  const digest = await pushImage(url, "public/app", "v1", "layer", ann);
  const status = async (method: string, path: string, headers: Record<string, string> = {}) =>
    (await http(method, `${url}/v2/${path}`, { headers, ...(method === "PUT" ? { body: "{}" } : {}) }))
      .status;
  for (const path of [`manifests/v1`, "tags/list", `referrers/${digest}`]) {
    assert.equal(await status("GET", `public/app/${path}`), 200, path);
    assert.equal(await status("GET", `private/app/${path}`), 401, path);
    assert.equal(await status("GET", `private/app/${path}`, bob), 403, path);
  }
  const changes = [
    ["PUT", "manifests/v2"],
    ["DELETE", "manifests/v1"],
    ["DELETE", `manifests/${digest}`],
    ["DELETE", `blobs/${digest}`],
    ["POST", "blobs/uploads/"],
    ["PATCH", "blobs/uploads/x"],
    ["PUT", `blobs/uploads/x?digest=${digest}`],
    ["GET", "blobs/uploads/x"],
    ["DELETE", "blobs/uploads/x"],
  ] as const;
  for (const [method, path] of changes) {
    assert.equal(await status(method, `public/app/${path}`), 401, `${method} ${path}`);
    assert.equal(await status(method, `public/app/${path}`, bob), 403, `${method} ${path}`);
  }
  assert.equal(await status("GET", "public/app/manifests/v1"), 200);
  assert.equal(await status("DELETE", "public/app/manifests/v1", ann), 202);
});

test("wrong credentials are 401 even where none are needed, and /v2/ tells how to log in", async (t) => {
  const { url } = await startRegistry(t, { passwords, rights: rules });
  const wrong = await http("GET", `${url}/v2/public/app/tags/list`, { headers: basic("ann", "b") });
  assert.equal(wrong.status, 401);
  const ping = await http("GET", `${url}/v2/`);
  assert.equal(ping.status, 401);
  assert.equal(ping.headers["www-authenticate"], 'Basic realm="registry"');
  assert.equal((await http("GET", `${url}/v2/`, { headers: basic("eve", "e") })).status, 200);
  for (const authorization of [
    "Basic !!!",
    "Basic",
    "Bearer abc",
    "Digest x",
    `Basic ${Buffer.from("ann").toString("base64")}`,
  ])
    assert.equal(
      (await http("GET", `${url}/v2/`, { headers: { authorization } })).status,
      401,
      authorization,
    );
});

test("the catalog shows what the caller may pull", async (t) => {
  const { url } = await startRegistry(t, { passwords, rights: rules });
  const ann = basic("ann", "a");
  for (const name of ["public/a", "bob/b", "private/c", "shared/d"])
    await pushImage(url, name, "v1", name, ann);
  const names = async (user: Record<string, string>) =>
    JSON.parse((await http("GET", `${url}/v2/_catalog`, { headers: user })).text).repositories as string[];
  assert.deepEqual(await names(ann), ["bob/b", "private/c", "public/a", "shared/d"]);
  assert.deepEqual(await names(basic("bob", "b")), ["bob/b", "public/a", "shared/d"]);
});

test("many requests with one password cost one check", async (t) => {
  const line = "user:$2y$05$SLBP14y86WDb8H37T.pe0ulvB68hH/be8/ODr.s306zBwTTcVbnwe";
  const { url } = await startRegistry(t, { passwords: htpasswd(line) });
  const start = performance.now();
  for (let i = 0; i < 20; i++) {
    const replies = await Promise.all(
      Array.from({ length: 10 }, () => http("GET", `${url}/v2/`, { headers: basic("user", "pass word") })),
    );
    assert.ok(replies.every(({ status }) => status === 200));
  }
  assert.ok(performance.now() - start < 5000);
});
