import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { parseChallenges } from "../../../src/stores/registry/auth/challenge.ts";
import { coversScopes, unionScopes } from "../../../src/stores/registry/auth/scope.ts";

function plain(headers: readonly string[]) {
  return parseChallenges(headers).map(({ scheme, parameters, token68 }) => ({
    scheme,
    ...Object.fromEntries(parameters),
    ...(token68 === undefined ? {} : { token68 }),
  }));
}

const cases: readonly (readonly [string, readonly string[], readonly object[]])[] = [
  ["basic", ['Basic realm="a registry"'], [{ scheme: "basic", realm: "a registry" }]],
  ["no parameters", ["Basic"], [{ scheme: "basic" }]],
  [
    "bearer with commas in quotes",
    ['Bearer realm="https://auth.example/token",service="r",scope="repository:a/b:pull,push"'],
    [
      {
        scheme: "bearer",
        realm: "https://auth.example/token",
        service: "r",
        scope: "repository:a/b:pull,push",
      },
    ],
  ],
  [
    "spaces everywhere",
    ['  BEARER \t realm = "x" ,  service = y  '],
    [{ scheme: "bearer", realm: "x", service: "y" }],
  ],
  [
    "two in one line",
    ['Bearer realm="x", Basic realm="y"'],
    [
      { scheme: "bearer", realm: "x" },
      { scheme: "basic", realm: "y" },
    ],
  ],
  [
    "two in two lines",
    ["Negotiate", 'Basic realm="y", charset="UTF-8"'],
    [{ scheme: "negotiate" }, { scheme: "basic", realm: "y", charset: "UTF-8" }],
  ],
  [
    "token68, then another",
    ['Negotiate YII=, Basic realm="y"'],
    [
      { scheme: "negotiate", token68: "YII=" },
      { scheme: "basic", realm: "y" },
    ],
  ],
  ["escapes", ['Basic realm="a\\"b\\\\c"'], [{ scheme: "basic", realm: 'a"b\\c' }]],
  ["the first of two", ['Basic realm="a", realm="b"'], [{ scheme: "basic", realm: "a" }]],
  ["an open quote ends it", ['Bearer service="s", realm="never'], [{ scheme: "bearer", service: "s" }]],
  ["empty", [""], []],
  ["only commas", [", ,,"], []],
  ["endless", [`Basic realm="${"x".repeat(100_000)}"`], []],
];

for (const [what, headers, expected] of cases) {
  test(`challenges: ${what}`, () => assert.deepEqual(plain(headers), expected));
}

test("challenges: any text is read without an error, in time", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'Basic =",\\\t a=') }))),
      (headers) => {
        parseChallenges(headers);
      },
    ),
    { numRuns: 2000 },
  );
});

test("challenges: what is written can be read", () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9_-]{0,10}$/);
  const value = fc.string({ unit: fc.constantFrom(...'abc ,=\\"/:.'), maxLength: 20 });
  const challenge = fc.record({
    scheme: name,
    parameters: fc.uniqueArray(fc.tuple(name, value), { selector: ([key]) => key, maxLength: 4 }),
  });
  fc.assert(
    fc.property(fc.array(challenge, { maxLength: 4 }), (challenges) => {
      const text = challenges
        .map(({ scheme, parameters }) =>
          [
            scheme,
            parameters.map(([key, text]) => `${key}="${text.replace(/[\\"]/g, "\\$&")}"`).join(", "),
          ].join(" "),
        )
        .join(", ");
      assert.deepEqual(
        parseChallenges([text]).map(({ scheme, parameters }) => ({ scheme, parameters: [...parameters] })),
        challenges.map(({ scheme, parameters }) => ({ scheme, parameters })),
      );
    }),
  );
});

test("scopes: united per resource, in order", () => {
  assert.deepEqual(
    unionScopes(["repository:a:pull,push"], ["repository:b:pull", "repository:a:delete,pull"]),
    ["repository:a:pull,push,delete", "repository:b:pull"],
  );
  assert.deepEqual(unionScopes(["registry:catalog:*", "aws"], [""]), ["registry:catalog:*", "aws"]);
});

test("scopes: a token covers what it was given for", () => {
  assert.ok(coversScopes(["repository:a:pull,push"], ["repository:a:pull"]));
  assert.ok(coversScopes(["repository:a:*"], ["repository:a:push"]));
  assert.ok(!coversScopes(["repository:a:pull"], ["repository:a:pull,push"]));
  assert.ok(!coversScopes(["repository:a:pull"], ["repository:ab:pull"]));
  assert.ok(coversScopes([], []));
});
