import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { signAws } from "../../../../src/stores/registry/auth/keychains/aws-signature.ts";
import type { AwsApi } from "../../../../src/stores/registry/auth/keychains/ecr.ts";
import { json, keychains, startTokenServer } from "./support.ts";

const registry = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
const keys = { AWS_ACCESS_KEY_ID: "AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY: "s3cret-of-aws" };
const entry = {
  authorizationToken: Buffer.from("AWS:ecr-password").toString("base64"),
  expiresAt: Date.parse("2030-01-01T12:00:00Z") / 1000,
};

test("a request is signed as AWS's own example is", () => {
  const headers = signAws(
    {
      url: new URL("https://example.amazonaws.com/"),
      headers: {},
      body: "",
      region: "us-east-1",
      service: "service",
    },
    { keyId: "AKIDEXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", sessionToken: undefined },
    Date.parse("2015-08-30T12:36:00Z"),
  );
  assert.deepEqual(headers, {
    "x-amz-date": "20150830T123600Z",
    authorization:
      "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, " +
      "SignedHeaders=host;x-amz-date, " +
      "Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
  });
});

test("a key becomes a password for the account's registry in its region", async (t) => {
  const server = await startTokenServer(t, (_asked, response) =>
    json(response, { authorizationData: [entry] }),
  );
  const apis: AwsApi[] = [];
  const asking = await keychains(t, ["ecr"], {
    variables: { ...keys, AWS_SESSION_TOKEN: "s3ssion" },
    endpoints: {
      aws: (api) => {
        apis.push(api);
        return server.url;
      },
    },
  });
  assert.deepEqual(await asking.find(registry), {
    username: "AWS",
    password: "ecr-password",
    askAgainAt: Date.parse("2030-01-01T11:55:00Z"),
  });
  assert.equal(apis[0]?.host, "api.ecr.eu-west-1.amazonaws.com");
  const [asked] = server.asked;
  assert.equal(asked?.body, '{"registryIds":["123456789012"]}');
  assert.equal(asked?.headers["content-type"], "application/x-amz-json-1.1");
  assert.equal(asked?.headers["x-amz-target"], "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken");
  assert.equal(asked?.headers["x-amz-security-token"], "s3ssion");
  const signed = asked?.headers.authorization ?? "";
  assert.match(
    signed,
    /Credential=AKIDEXAMPLE\/20300101\/eu-west-1\/ecr\/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, Signature=[0-9a-f]{64}$/,
  );
  assert.doesNotMatch(signed + asked?.body, /s3cret/);
});

test("each of AWS's registries has its API", async (t) => {
  const server = await startTokenServer(t, (_asked, response) =>
    json(response, { authorizationData: entry }),
  );
  const hosts = {
    "public.ecr.aws": "api.ecr-public.us-east-1.amazonaws.com",
    "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn": "api.ecr.cn-north-1.amazonaws.com.cn",
    "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com": "ecr-fips.us-gov-west-1.amazonaws.com",
    "123456789012.dkr-ecr.us-east-1.on.aws": "api.ecr.us-east-1.amazonaws.com",
  };
  for (const [name, host] of Object.entries(hosts)) {
    const asked: string[] = [];
    const asking = await keychains(t, ["ecr"], {
      variables: keys,
      endpoints: {
        aws: (api) => {
          asked.push(api.host);
          return server.url;
        },
      },
    });
    assert.equal((await asking.find(name))?.password, "ecr-password", name);
    assert.deepEqual(asked, [host]);
  }
});

test("the shared file has profiles", async (t) => {
  const server = await startTokenServer(t, (_asked, response) =>
    json(response, { authorizationData: [entry] }),
  );
  const file = [
    "[default]",
    "aws_access_key_id = KEYOFDEFAULT",
    "aws_secret_access_key=one",
    "[team]",
    "; a comment",
    "s3 =",
    "  aws_access_key_id = NESTED",
    "aws_access_key_id=KEYOFTEAM",
    "aws_secret_access_key = two",
  ].join("\n");
  for (const [variables, key] of [
    [{}, /Credential=KEYOFDEFAULT\//],
    [{ AWS_PROFILE: "team" }, /Credential=KEYOFTEAM\//],
  ] as const) {
    const asking = await keychains(t, ["ecr"], { variables, endpoints: { aws: () => server.url } });
    await mkdir(join(asking.home, ".aws"));
    await writeFile(join(asking.home, ".aws/credentials"), file);
    assert.equal((await asking.find(registry))?.username, "AWS");
    assert.match(server.asked.at(-1)?.headers.authorization ?? "", key);
  }
  const absent = await keychains(t, ["ecr"], { variables: { AWS_PROFILE: "other" } });
  await mkdir(join(absent.home, ".aws"));
  await writeFile(join(absent.home, ".aws/credentials"), file);
  assert.equal(await absent.find(registry), undefined);
  assert.match(absent.said.join("\n"), /has no profile other/);
});

test("an answer without a password, and no key at all, lead on to AWS's helper", async (t) => {
  const server = await startTokenServer(t, (_asked, response) => json(response, { authorizationData: [] }));
  const helpers = { "ecr-login": '{"Username":"AWS","Secret":"helped"}' };
  const endpoints = { aws: () => server.url };
  for (const variables of [keys, {}]) {
    const asking = await keychains(t, ["ecr"], { variables, endpoints, helpers });
    assert.deepEqual(await asking.find(registry), { username: "AWS", password: "helped" });
  }
  assert.equal(server.asked.length, 1);
});

test("hosts that only look like AWS's get nothing", async (t) => {
  const server = await startTokenServer(t, (_asked, response) =>
    json(response, { authorizationData: [entry] }),
  );
  const asking = await keychains(t, ["ecr"], { variables: keys, endpoints: { aws: () => server.url } });
  for (const host of [
    `${registry}.evil.com`,
    `evil.${registry}`,
    `${registry}:443`,
    "12345.dkr.ecr.eu-west-1.amazonaws.com",
    "123456789012.dkr.ecr.eu-west-1.evil.amazonaws.com",
    "evil.public.ecr.aws",
    "public.ecr.aws.evil.com",
  ]) {
    assert.equal(await asking.find(host), undefined, host);
  }
  assert.deepEqual(server.asked, []);
});
