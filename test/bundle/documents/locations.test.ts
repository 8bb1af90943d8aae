import assert from "node:assert/strict";
import test from "node:test";
import { formatLocations, parseLocations } from "../../../src/bundle/documents/locations.ts";
import { parsePinned } from "../../../src/bundle/documents/names.ts";
import { streamOf } from "../../../src/bytes/stream.ts";
import { readTar } from "../../../src/formats/tar/read.ts";
import { observed } from "../../support/sample-bundle.ts";

const version = "apiVersion: imgpkg.carvel.dev/v1alpha1\n";
const [one, two] = ["a", "b"].map((hex) => `sha256:${hex.repeat(64)}`) as [string, string];

function located(image: string, isBundle: boolean, repository?: string) {
  const reference = parsePinned(image);
  return { image, reference, isBundle, ...(repository === undefined ? {} : { repository }) };
}

function parse(text: string) {
  return parseLocations(Buffer.from(text), "place");
}

for (const name of ["loc-nested", "loc-outer"]) {
  test(`${name}: the bytes that imgpkg wrote come out again`, async () => {
    const files: string[] = [];
    for await (const item of readTar(streamOf(await observed(`${name}-layer.tar`)))) {
      if (item.name === "image-locations.yml") files.push(Buffer.from(item.bytes ?? []).toString());
    }
    assert.equal(files.length, 1);
    const [file = ""] = files;
    const locations = parse(file);
    assert.ok(locations.images.length > 0);
    const formatted = formatLocations({ images: [...locations.images].reverse() });
    assert.equal(formatted.shipped, file);
    assert.deepEqual(parse(formatted.seed), locations);
  });
}

test("the seed's file has the seed's keys in the seed's order", () => {
  const images = [
    located(`localhost:5000/nested-bundle@${two}`, true),
    located(`index.docker.io/dkalinin/k8s-simple-app@${one}`, false, "new-location"),
  ];
  const { seed } = formatLocations({ images });
  assert.equal(
    seed,
    `${version}kind: ImagesLocation
images:
  - image: index.docker.io/dkalinin/k8s-simple-app@${one}
    repository: new-location
    bundle: false
  - image: localhost:5000/nested-bundle@${two}
    bundle: true
`,
  );
  assert.deepEqual(parse(seed).images, [...images].reverse());
});

test("a digest that has several names is written once, by the first of them", () => {
  const { shipped, seed } = formatLocations({
    images: [located(`b.example/x@${one}`, false), located(`a.example/x@${one}`, false)],
  });
  assert.equal(
    shipped,
    `---\n${version}images:\n- image: a.example/x@${one}\n  isBundle: false\nkind: ImageLocations\n`,
  );
  assert.equal(seed.match(/image:/g)?.length, 1);
});

test("no images are a null for imgpkg", () => {
  const { shipped, seed } = formatLocations({ images: [] });
  assert.equal(shipped, `---\n${version}images: null\nkind: ImageLocations\n`);
  assert.deepEqual(parse(shipped), { images: [] });
  assert.deepEqual(parse(seed), { images: [] });
});

test("fields that are not known are passed over, and either kind may use either file's fields", () => {
  const text = `${version}kind: ImagesLocation
more: {a: b}
images:
- {image: "nginx@${one}", isBundle: true, size: 3}
- {image: "x.example/y@${two}", bundle: yes, repository: some/place}
- image: x.example/z@sha256:${"c".repeat(64)}
`;
  assert.deepEqual(parse(text), {
    images: [
      located(`index.docker.io/library/nginx@${one}`, true),
      located(`x.example/y@${two}`, true, "some/place"),
      located(`x.example/z@sha256:${"c".repeat(64)}`, false),
    ],
  });
});

test("the file that imgpkg ships goes before the seed's", () => {
  const shipped = Buffer.from(formatLocations({ images: [located(`a/b@${one}`, false)] }).shipped);
  const seed = Buffer.from(formatLocations({ images: [located(`a/b@${two}`, false)] }).seed);
  const digests = (files: Parameters<typeof parseLocations>[0]) =>
    parseLocations(files, "place").images.map(({ reference }) => reference.digest);
  assert.deepEqual(digests({ shipped, seed }), [one]);
  assert.deepEqual(digests({ seed }), [two]);
  assert.throws(() => digests({}), {
    message: "Unmarshaling image locations: there is no image-locations.yml",
  });
});

test("a repository is a path in the bundle's registry and leads nowhere else", () => {
  for (const repository of [
    "../../x",
    "/etc",
    "https://evil.example/x",
    "evil.example:5000/x",
    "a//b",
    "A",
    "a b",
  ]) {
    const entry = `{image: "a/b@${one}", bundle: false, repository: ${JSON.stringify(repository)}}`;
    assert.throws(() => parse(`${version}kind: ImagesLocation\nimages: [${entry}]\n`), {
      code: "ERR_LADING_DOCUMENT",
      message: `Validating image locations: Expected repository to be a path in the bundle's registry, got "${repository}"`,
      place: "place: images[0].repository",
    });
  }
});

test("locations that are none are refused", () => {
  const refused = [
    ["kind: ImageLocations\n", /Validating apiVersion: Unknown version/],
    [`${version}kind: ImagesLock\n`, /Unknown kind \(known: ImageLocations, ImagesLocation\)$/],
    [
      `${version}kind: ImageLocations\nimages: [{image: "a/b:tag"}]\n`,
      /Expected ref to be in digest form, got 'a\/b:tag'$/,
    ],
    [
      `${version}kind: ImageLocations\nimages: [{image: "a/b@${one}", isBundle: maybe}]\n`,
      /cannot unmarshal string into Go struct field ImageLocation\.images\.isBundle of type bool$/,
    ],
  ] as const;
  for (const [text, message] of refused) {
    assert.throws(() => parse(text), { code: "ERR_LADING_DOCUMENT", message });
  }
});
