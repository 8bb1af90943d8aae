/** A bundle's description for people, line by line as imgpkg lays it out; what imgpkg has no line for has lines of its own. */
import type {
  BundleDescription,
  DescribedBundle,
  DescribedError,
  DescribedImage,
  DescribedMetadata,
} from "../bundle/describe/model.ts";
import { compareBytewise } from "../stores/referrer.ts";
import { printable } from "./table.ts";

export function describeText(description: BundleDescription): string[] {
  return [
    `Bundle SHA: ${description.sha}`,
    ...metadataLines(description.metadata),
    "",
    ...contentLines(description, 0),
  ];
}

/**
 * The first level has its dashes two columns right of `Images:`, all others below it.
 * @param depth bundles above
 */
function contentLines({ content }: DescribedBundle, depth: number): string[] {
  const bundles = Object.values(content.bundles ?? {});
  const images = Object.entries(content.images ?? {});
  if (bundles.length + images.length === 0) return [];
  const indent = " ".repeat(2 + 2 * depth);
  const lines = [`${depth === 0 ? "" : indent}Images:`];
  for (const [i, bundle] of bundles.entries()) {
    if (i > 0) lines.push("");
    lines.push(...item(bundleLines(bundle)).map((line) => `${indent}${line}`));
    lines.push(...contentLines(bundle, depth + 1));
  }
  for (const [name, image] of images) {
    lines.push(...item(imageLines(name, image)).map((line) => `${indent}${line}`));
  }
  return lines;
}

function bundleLines(bundle: DescribedBundle): string[] {
  const { image, origin } = bundle;
  return [
    `Image: ${image}`,
    "Type: Bundle",
    `Origin: ${origin}`,
    ...layerLines(bundle),
    ...annotationLines(bundle),
    ...metadataLines(bundle.metadata),
  ];
}

function imageLines(name: string, image: DescribedImage | DescribedError): string[] {
  if ("error" in image) return [`Image: ${name}`, `Type: ${image.imageType}`, `Error: ${image.error}`];
  return [
    `Image: ${image.image}`,
    `Type: ${image.imageType}`,
    ...(image.imageType === "Image" ? [`Origin: ${image.origin}`] : []),
    ...layerLines(image),
    ...list(
      "Platforms:",
      (image.platforms ?? []).flatMap(({ platform, digest }) =>
        item([`Digest: ${digest}`, ...(platform === undefined ? [] : [`Platform: ${printable(platform)}`])]),
      ),
    ),
    ...annotationLines(image),
  ];
}

function layerLines({ layers = [] }: Pick<DescribedImage, "layers">): string[] {
  return list(
    "Layers:",
    layers.map(({ digest }) => `- Digest: ${digest}`),
  );
}

function annotationLines({ annotations = {} }: Pick<DescribedImage, "annotations">): string[] {
  return list("Annotations:", pairs(annotations));
}

function metadataLines({ metadata = {}, authors = [], websites = [] }: DescribedMetadata): string[] {
  return [
    ...list("Metadata:", pairs(metadata)),
    ...list(
      "Authors:",
      authors.map(({ name, email }) =>
        [
          "-",
          ...(name === undefined ? [] : [printable(name)]),
          ...(email === undefined ? [] : [`<${printable(email)}>`]),
        ].join(" "),
      ),
    ),
    ...list(
      "Websites:",
      websites.map(({ url }) => `- ${printable(url)}`),
    ),
  ];
}

/** `key: value`; a value of several lines stands below its key, further in. */
function pairs(map: Readonly<Record<string, string>>): string[] {
  const sorted = Object.entries(map).sort(([a], [b]) => compareBytewise(a, b));
  return sorted.flatMap(([key, value]) => {
    const lines = value.replace(/\n$/, "").split("\n").map(printable);
    const name = printable(key);
    return lines.length === 1
      ? [`${name}: ${lines[0]}`]
      : [`${name}: |`, ...lines.map((line) => `  ${line}`)];
  });
}

function list(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [title, ...lines.map((line) => `  ${line}`)];
}

function item([first = "", ...rest]: readonly string[]): string[] {
  return [`- ${first}`, ...rest.map((line) => `  ${line}`)];
}
