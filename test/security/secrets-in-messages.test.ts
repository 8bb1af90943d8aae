import assert from "node:assert/strict";
import test from "node:test";
import { inspect } from "node:util";
import fc from "fast-check";
import { bodyOf } from "../../src/bytes/body.ts";
import type { LadingEvent } from "../../src/events.ts";
import { explicitCredential } from "../../src/stores/registry/auth/credentials.ts";
import { createRegistryClient } from "../../src/stores/registry/client.ts";
import { createRedactor, redactUrl } from "../../src/stores/registry/http/redact.ts";
import { blob } from "../support/content.ts";
import { startOrigin } from "../support/hostile-origin.ts";

/** A registry that repeats everything it hears, in every place of an answer. */
test("a secret is in no error and no event, whatever the registry echoes", async (t) => {
  let scheme: "basic" | "bearer" = "basic";
  const origin = await startOrigin(t, (request, response, url) => {
    const heard = request.headers.authorization ?? "";
    const token = heard.replace(/^\w+ /, "");
    if (url.pathname === "/token") {
      response.writeHead(scheme === "bearer" ? 200 : 401);
      return void response.end(JSON.stringify({ token: `token-${token}` }));
    }
    const decoded = Buffer.from(token, "base64").toString("latin1");
    const message = `you said ${heard} which is ${decoded} or ${encodeURIComponent(decoded)}`;
    response.writeHead(heard === "" ? 401 : ([403, 500, 429][origin.requests.length % 3] ?? 400), {
      "www-authenticate": scheme === "basic" ? "Basic" : `Bearer realm="${origin.url}/token"`,
      "content-type": "application/json",
      location: `/v2/?token=${encodeURIComponent(token)}`,
    });
    response.end(JSON.stringify({ errors: [{ code: "DENIED", message, detail: heard }] }));
  });
  const secretOf = fc.stringMatching(/^[A-Za-z0-9+/=%&" ]{6,40}$/);
  await fc.assert(
    fc.asyncProperty(secretOf, fc.constantFrom("basic", "bearer" as const), async (random, next) => {
      scheme = next as typeof scheme;
      const secret = `s3${random}`;
      const events: LadingEvent[] = [];
      await using client = createRegistryClient({
        credentials: explicitCredential({ username: "me", password: secret }),
        retry: { attempts: 2, minDelayMs: 1, maxDelayMs: 2 },
        on: (event) => events.push(event),
      });
      const store = client.repository({ registry: origin.host, repository: "a/b" });
      const each = blob(10);
      const failures = await Promise.all(
        [store.resolve("v1"), store.write(each, bodyOf(each.bytes)), store.untag("v1")].map((work) =>
          work.then(
            () => assert.fail("it should not work"),
            (error: unknown) => error,
          ),
        ),
      );
      const told = [...failures, ...events]
        .flatMap((each) => [JSON.stringify(each), inspect(each, { depth: 10 }), String(each)])
        .join("\n");
      for (const form of [
        secret,
        Buffer.from(`me:${secret}`).toString("base64"),
        encodeURIComponent(secret),
      ]) {
        assert.ok(!told.includes(form), `found ${form} in what was told`);
      }
      assert.ok(events.some(({ type }) => type === "debug"));
    }),
    { numRuns: 12 },
  );
});

test("URLs are shown without users and without what may be a signature", () => {
  assert.equal(
    redactUrl(
      new URL("https://me:pw@cdn.example/a/b?X-Amz-Signature=abc&n=5&scope=repository:a/b:pull#frag"),
    ),
    "https://cdn.example/a/b?X-Amz-Signature=REDACTED&n=5&scope=repository:a/b:pull",
  );
  const redactor = createRedactor();
  redactor.add("hunter22");
  assert.equal(redactor.text("the word is hunter22, or aHVudGVyMjI="), "the word is REDACTED, or REDACTED");
});
