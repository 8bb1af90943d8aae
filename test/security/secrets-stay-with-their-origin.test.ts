import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { bodyOf } from "../../src/bytes/body.ts";
import { isLadingError } from "../../src/errors.ts";
import { mediaTypes } from "../../src/spec/media-type.ts";
import { explicitCredential } from "../../src/stores/registry/auth/credentials.ts";
import { createRegistryClient } from "../../src/stores/registry/client.ts";
import { bytesOf, rejectsWith, tagsOf } from "../stores/contract.ts";
import { blob } from "../support/content.ts";
import { seenBy, startOrigin } from "../support/hostile-origin.ts";

const password = "a-secret-password";
const basic = Buffer.from(`me:${password}`).toString("base64");
const each = blob(1000);

function storeAt(t: TestContext, host: string) {
  const client = createRegistryClient({
    credentials: explicitCredential({ username: "me", password }),
    retry: { attempts: 2, minDelayMs: 1, maxDelayMs: 2 },
  });
  t.after(() => client.close());
  return client.repository({ registry: host, repository: "a/b" });
}

/** Another origin, which takes what it gets and would give what it is asked for. */
function stranger(t: TestContext) {
  return startOrigin(t, (request, response, url) => {
    if (request.method === "PUT") response.statusCode = 201;
    else if (request.method === "DELETE") response.statusCode = 204;
    else if (url.pathname.endsWith("tags/list")) return void response.end('{"tags":["theirs"]}');
    if (request.method === "GET") response.setHeader("content-length", each.bytes.length);
    response.end(request.method === "GET" ? each.bytes : "");
  });
}

/** A registry that knows us, and then does as `then` says. */
function registry(t: TestContext, then: Parameters<typeof startOrigin>[1]) {
  return startOrigin(t, (request, response, url) => {
    if (request.headers.authorization !== `Basic ${basic}`) {
      response.writeHead(401, { "www-authenticate": 'Basic realm="r"' });
      return void response.end();
    }
    then(request, response, url);
  });
}

/** oras-go GHSA-vh4v-2xq2-g5cg: `Authorization` was kept over redirects to other hosts and ports. */
test("GHSA-vh4v-2xq2-g5cg, undici redirects: a redirect to another port gets no secret", async (t) => {
  const other = await stranger(t);
  const own = await registry(t, (_request, response) => {
    response.writeHead(307, { location: `${other.url}/somewhere?signature=1`, "set-cookie": "session=1" });
    response.end();
  });
  assert.deepEqual(await bytesOf(storeAt(t, own.host), each), each.bytes);
  assert.equal(other.requests.length, 1);
  assert.equal(other.requests[0]?.headers.authorization, undefined);
  assert.equal(other.requests[0]?.headers.cookie, undefined);
  assert.ok(!seenBy(other).includes(basic));
});

/** And one that comes back gets it again, but the way there does not. */
test("GHSA-vh4v-2xq2-g5cg: a redirect within the registry keeps the secret", async (t) => {
  const own = await registry(t, (_request, response, url) => {
    if (!url.pathname.startsWith("/stored")) {
      response.writeHead(302, { location: "/stored/here" });
      return void response.end();
    }
    response.end(each.bytes);
  });
  assert.deepEqual(await bytesOf(storeAt(t, own.host), each), each.bytes);
});

/** oras-go GHSA-jxpm-75mh-9fp7: the upload's `Location` at another host got the registry's token. */
test("GHSA-jxpm-75mh-9fp7: an upload location at another origin gets no secret", async (t) => {
  const other = await stranger(t);
  const own = await registry(t, (request, response) => {
    if (request.method === "POST") {
      response.writeHead(202, { location: `${other.url}/upload/1`, "set-cookie": "affinity=secret-cookie" });
    } else response.statusCode = 404;
    response.end();
  });
  assert.equal(await storeAt(t, own.host).write(each, bodyOf(each.bytes)), "written");
  assert.equal(other.requests[0]?.method, "PUT");
  assert.ok(!seenBy(other).includes(basic));
  assert.ok(!seenBy(other).includes("secret-cookie"));
});

/** ggcr#2193 and others: pages of a tag list led the client, with its credentials, wherever the registry liked. */
test("ggcr-2193, ggcr-2332: the next page at another origin is not read", async (t) => {
  const other = await stranger(t);
  const own = await registry(t, (_request, response) => {
    response.setHeader("link", `<${other.url}/v2/a/b/tags/list?last=x>; rel="next"`);
    response.end('{"tags":["ours"]}');
  });
  await rejectsWith("ERR_LADING_REGISTRY", tagsOf(storeAt(t, own.host)));
  assert.equal(other.requests.length, 0);
});

/** Server-driven lists without an end (oras-go #1214, #1215). */
test("oras-go-1214, oras-go-1215: pages that lead in a circle end", async (t) => {
  const own = await registry(t, (_request, response) => {
    response.setHeader("link", '</v2/a/b/tags/list?n=1000&last=x>; rel="next"');
    response.end('{"tags":["ours"]}');
  });
  await rejectsWith("ERR_LADING_REGISTRY", tagsOf(storeAt(t, own.host)));
  assert.ok(own.requests.length <= 4);
});

/** CVE-2026-48978 / GHSA-xf85-363p-868w: the realm of a challenge pointed to an attacker, who got the password. */
test("CVE-2026-48978, GHSA-xf85-363p-868w: a token service that is a stranger gets no password", async (t) => {
  const { judgeRealm } = await import("../../src/stores/registry/auth/realm.ts");
  const judge = (realm: string, base: string, trusted: readonly string[] = []) => {
    try {
      return judgeRealm(new URL(realm), new URL(base), trusted, "place");
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  const refused = "ERR_LADING_UNAUTHORIZED";
  const cases: readonly (readonly [string, string, string])[] = [
    ["https://registry.example.com/token", "https://registry.example.com", "credentials"],
    ["https://registry.example.com:8443/token", "https://registry.example.com", "credentials"],
    ["https://auth.example.com/token", "https://registry.example.com", "credentials"],
    ["https://gitlab.com/jwt/auth", "https://registry.gitlab.com", "credentials"],
    ["https://auth.docker.io/token", "https://registry-1.docker.io", "credentials"],
    ["https://evil.example/token", "https://registry.example.com", "anonymous"],
    ["https://example.com.evil.example/token", "https://registry.example.com", "anonymous"],
    ["https://notexample.com/token", "https://example.com", "anonymous"],
    ["https://evil.co.uk/token", "https://registry.co.uk", "anonymous"],
    ["https://auth.acme.co.uk/token", "https://registry.acme.co.uk", "credentials"],
    ["https://evil.azurecr.io/token", "https://mine.azurecr.io", "anonymous"],
    ["https://evil.s3.amazonaws.com/", "https://1.dkr.ecr.eu-west-1.amazonaws.com", "anonymous"],
    ["https://evil.github.io/token", "https://mine.github.io", "anonymous"],
    ["http://registry.example.com/token", "https://registry.example.com", refused],
    ["http://auth.example.com/token", "http://registry.example.com", refused],
    ["http://registry.example.com:5001/token", "http://registry.example.com:5000", "credentials"],
    ["http://localhost:5001/token", "http://127.0.0.1:5000", "credentials"],
    ["http://169.254.169.254/latest", "http://127.0.0.1:5000", refused],
    ["https://169.254.169.254/latest", "https://registry.example.com", refused],
    ["https://127.0.0.1/token", "https://registry.example.com", refused],
    ["https://localhost/token", "https://registry.example.com", refused],
    ["https://[::1]/token", "https://registry.example.com", refused],
    ["https://[::ffff:127.0.0.1]/token", "https://registry.example.com", refused],
    ["https://0.0.0.0/token", "https://registry.example.com", refused],
    ["https://10.0.0.8/token", "https://registry.example.com", refused],
    ["https://10.0.0.8/token", "https://10.0.0.8:5000", "credentials"],
    ["https://2130706433/token", "https://registry.example.com", refused],
    ["ftp://registry.example.com/token", "https://registry.example.com", refused],
    ["file:///etc/passwd", "https://registry.example.com", refused],
  ];
  for (const [realm, base, expected] of cases)
    assert.equal(judge(realm, base), expected, `${realm} for ${base}`);
  assert.equal(
    judge("https://sso.example/t", "https://registry.example.com", ["sso.example"]),
    "credentials",
  );
  assert.equal(
    judge("https://a.sso.example/t", "https://registry.example.com", ["sso.example"]),
    "anonymous",
  );
  // At work: nothing is sent to an address that only this machine can reach.
  const own = await startOrigin(t, (_request, response) => {
    response.writeHead(401, {
      "www-authenticate": 'Bearer realm="http://169.254.169.254/token",service="x"',
    });
    response.end();
  });
  await rejectsWith("ERR_LADING_UNAUTHORIZED", storeAt(t, own.host).resolve("v1"));
});

/** ggcr#2243: the token server's own redirect led the credentials away. */
test("ggcr-2243, ggcr-2285, ggcr-2292: a token service that redirects to another origin loses the password on the way", async (t) => {
  const other = await startOrigin(t, (_request, response) => response.end('{"token":"from-elsewhere"}'));
  const own = await startOrigin(t, (request, response, url) => {
    if (url.pathname === "/token") {
      response.writeHead(302, { location: `${other.url}/token` });
    } else if (request.headers.authorization === "Bearer from-elsewhere") {
      response.writeHead(404);
    } else response.writeHead(401, { "www-authenticate": `Bearer realm="${own.url}/token"` });
    response.end();
  });
  await rejectsWith("ERR_LADING_NOT_FOUND", storeAt(t, own.host).resolve("v1"));
  assert.equal(other.requests.length, 1);
  assert.ok(!seenBy(other).includes(basic));
});

/** CVE-2020-15157 (containerd): a manifest's `urls` were fetched with the registry's credentials. */
test("CVE-2020-15157, GHSA-qvqc-4c52-x6qp: the urls of a foreign layer get no credentials, whatever they ask", async (t) => {
  for (const challenge of ["Basic", "Bearer"]) {
    const other = await startOrigin(t, (_request, response) => {
      const realm = challenge === "Basic" ? 'realm="r"' : `realm="http://${other.host}/token",service="s"`;
      response.writeHead(401, { "www-authenticate": `${challenge} ${realm}` });
      response.end();
    });
    const own = await registry(t, (_request, response) => {
      response.statusCode = 404;
      response.end();
    });
    const urls = Array.from({ length: 50 }, (_, i) => `http://me:${password}@${other.host}/layer/${i}`);
    const layer = { ...each.descriptor, mediaType: mediaTypes.dockerForeignLayerGzip, urls };
    await assert.rejects(
      bytesOf(storeAt(t, own.host), { kind: "blob", descriptor: layer }),
      (error) => isLadingError(error) && !JSON.stringify([error, error.message]).includes(password),
    );
    // Nor does a manifest have us knock at every door.
    assert.ok(other.requests.length > 0 && other.requests.length < 20, `${other.requests.length}`);
    assert.ok(other.requests.every(({ url }) => url?.startsWith("/layer/")));
    assert.doesNotMatch(seenBy(other), new RegExp(`authorization|${password}|${basic}`));
  }
});

test("CWE-918: urls of a foreign layer lead nowhere that a redirect may not lead to", async (t) => {
  const other = await stranger(t);
  const own = await registry(t, (_request, response) => {
    response.statusCode = 404;
    response.end();
  });
  const inside = [other.url.replace("127.0.0.1", "0.0.0.0"), "file:///etc/passwd", "gopher://127.0.0.1/"];
  const layer = { ...each.descriptor, mediaType: mediaTypes.ociForeignLayer };
  const read = (urls: readonly string[]) =>
    bytesOf(storeAt(t, own.host), { kind: "blob", descriptor: { ...layer, urls } });
  await rejectsWith("ERR_LADING_NOT_FOUND", read(inside));
  assert.equal(other.requests.length, 0);
  assert.deepEqual(await read([...inside, `${other.url}/layer`]), each.bytes);
});

test("the urls of a layer that is no foreign one are not asked at all", async (t) => {
  const other = await stranger(t);
  const own = await registry(t, (_request, response) => {
    response.statusCode = 404;
    response.end();
  });
  const layer = { kind: "blob", descriptor: { ...each.descriptor, urls: [`${other.url}/layer`] } } as const;
  await rejectsWith("ERR_LADING_NOT_FOUND", bytesOf(storeAt(t, own.host), layer));
  assert.equal(other.requests.length, 0);
});

/** https never becomes http, and nobody leads a client to its own machine. */
test("ggcr-2295, ggcr-2349, regclient 2026-05: where a registry may lead to", async () => {
  const { resolveLocation } = await import("../../src/stores/registry/http/redirects.ts");
  const resolve = (location: string, asked: string) => {
    try {
      return resolveLocation(location, new URL(asked), "place").href;
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  const refused = "ERR_LADING_REGISTRY";
  const cases: readonly (readonly [string, string, string])[] = [
    ["/v2/x?a=b", "https://r.example/v2/", "https://r.example/v2/x?a=b"],
    ["https://cdn.example/x", "https://r.example/v2/", "https://cdn.example/x"],
    ["http://r.example/x", "https://r.example/v2/", "https://r.example/x"],
    ["http://r.example/x", "https://r.example:8443/v2/", "https://r.example:8443/x"],
    ["http://r.example:8443/x", "https://r.example:8443/v2/", "https://r.example:8443/x"],
    ["http://r.example:9999/x", "https://r.example:8443/v2/", refused],
    ["http://cdn.example/x", "https://r.example/v2/", refused],
    ["http://cdn.example/x", "http://r.example/v2/", "http://cdn.example/x"],
    ["https://user:pw@cdn.example/x#y", "https://r.example/", "https://cdn.example/x"],
    ["http://127.0.0.1:22/", "http://r.example/", refused],
    ["http://localhost/", "http://r.example/", refused],
    ["https://169.254.169.254/", "https://r.example/", refused],
    ["https://0.0.0.0/", "https://r.example/", refused],
    ["http://127.0.0.1:5001/", "http://localhost:5000/", "http://127.0.0.1:5001/"],
    ["javascript:alert(1)", "https://r.example/", refused],
    ["https://", "https://r.example/", refused],
  ];
  for (const [location, asked, expected] of cases) assert.equal(resolve(location, asked), expected, location);
});

/** sigstore-js oci < 0.7.1: a credential was chosen when its key was a part of the host's name. */
test("sigstore-js-oci: credentials are chosen by the whole host", async () => {
  const { credentialsByHost } = await import("../../src/stores/registry/auth/credentials.ts");
  const source = credentialsByHost({ "gcr.io": { username: "me", password } });
  assert.ok(await source.find("gcr.io", "a"));
  for (const host of ["evil-gcr.io", "gcr.io.evil.example", "eu.gcr.io", "gcr.io:5000", "cr.io"]) {
    assert.equal(await source.find(host, "a"), undefined, host);
  }
});
