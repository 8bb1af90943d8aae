import assert from "node:assert/strict";
import test from "node:test";
import { startOrigin } from "../../support/hostile-origin.ts";
import { imgpkg } from "../support/program.ts";

const password = "s3cret-p4ssword";
const forms = [
  password,
  Buffer.from(`jane:${password}`).toString("base64"),
  "b34rer-token",
  "c00kie",
  "s1gned",
];

test("--debug shows what goes over the wire, and no secret that does", async (t) => {
  const { host } = await startOrigin(t, (request, response, url) => {
    if (url.pathname === "/token") {
      response.writeHead(200, { "content-type": "application/json" }).end('{"token":"b34rer-token"}');
    } else if (request.headers.authorization === undefined) {
      const challenge = `Bearer realm="http://${host}/token",service="test"`;
      response.writeHead(401, { "www-authenticate": challenge }).end();
    } else if (url.searchParams.has("signature")) {
      const detail = { echoed: request.headers.authorization };
      response.writeHead(404, { "set-cookie": "session=c00kie", "x-other": "c00kie" });
      response.end(JSON.stringify({ errors: [{ code: "MANIFEST_UNKNOWN", message: "gone", detail }] }));
    } else {
      response.writeHead(307, { location: `${url.pathname}?signature=s1gned` }).end();
    }
  });
  const args = ["tag", "resolve", "-i", `${host}/app:v1`, "--registry-username", "jane"];
  args.push("--registry-password", password);
  const { code, stdout, stderr } = await imgpkg([...args, "--debug"]);
  assert.equal(code, 1);
  assert.equal(stdout, "");
  const time = "\\d{4}/\\d\\d/\\d\\d \\d\\d:\\d\\d:\\d\\d";
  const lines: [string, string][] = [
    ["the request", `^${time} --> GET http://${host}/v2/app/manifests/v1$`],
    ["its head", `^${time} GET /v2/app/manifests/v1 HTTP/1.1\nHost: ${host}$`],
    ["what it accepts", "^Accept-Encoding: identity$"],
    ["who asks", "^Authorization: <redacted>$"],
    ["the answer", `^${time} <-- 401 http://${host}/v2/app/manifests/v1 \\(\\d+ms\\)$`],
    ["its status", `^${time} HTTP/1.1 401 Unauthorized$`],
    ["the token service", `^${time} --> GET http://${host}/token\\?`],
    ["where it leads", `^Location: http://${host}/v2/app/manifests/v1\\?signature=REDACTED$`],
    ["its cookie", "^Set-Cookie: <redacted>$"],
    ["other heads", "^X-Other: <redacted>$"],
  ];
  for (const [what, pattern] of lines) assert.match(stderr, new RegExp(pattern, "m"), what);
  for (const secret of forms) assert.ok(!stderr.includes(secret), `${secret} in\n${stderr}`);
  const silent = await imgpkg(args);
  assert.match(
    silent.stderr,
    /^imgpkg: Error: GET .*\n {2}MANIFEST_UNKNOWN: gone; map\[echoed:Bearer REDACTED\]\n$/,
  );
});
