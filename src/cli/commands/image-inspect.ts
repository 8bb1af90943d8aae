import { LadingError } from "../../errors.ts";
import { selectImage } from "../../image/select-image.ts";
import type { ImageConfig } from "../../spec/config.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import type { Manifest } from "../../spec/manifest.ts";
import { formatPlatform, parsePlatform } from "../../spec/platform.ts";
import { readConfig, readManifest } from "../../stores/read.ts";
import type { Source } from "../../stores/store.ts";
import type { Context, OptionsOf, Outcome } from "../command.ts";
import { Places } from "../places.ts";
import { printable, table } from "../table.ts";
import type { imageInspectSpec } from "../tree/places.ts";
import { count, formatBytes } from "../units.ts";

type Options = OptionsOf<typeof imageInspectSpec>;

export async function run(
  options: Options,
  context: Context,
  [name = ""]: readonly string[],
): Promise<Outcome> {
  if (options.raw && options.config) {
    throw new LadingError("ERR_LADING_USAGE", "--raw and --config cannot be had together");
  }
  await using places = new Places(options, context);
  const place = await places.source(name);
  const { source } = place;
  const call = { signal: context.signal };
  if (options.config || options.platform !== undefined) {
    const platform = options.platform === undefined ? {} : { platform: parsePlatform(options.platform) };
    const { descriptor, manifest, config } = await selectImage(source, place.reference, {
      ...call,
      ...platform,
    });
    if (options.config) return bytesOutcome(config.raw);
    if (options.raw) return bytesOutcome(manifest.raw);
    return describe(place.nameOf(descriptor.digest), descriptor, manifest, config);
  }
  const descriptor = await source.resolve(place.reference, call);
  const manifest = await readManifest(source, descriptor, call);
  if (options.raw) return bytesOutcome(manifest.raw);
  return describe(
    place.nameOf(descriptor.digest),
    descriptor,
    manifest,
    await configOf(source, manifest, context),
  );
}

/** The bytes themselves; with `--json` the document that they are. */
function bytesOutcome(bytes: Uint8Array): Outcome {
  const text = Buffer.from(bytes).toString("utf8");
  return { data: JSON.parse(text), text };
}

/** Artifacts have configs of any kind; only an image's is looked into. */
async function configOf(
  source: Source,
  manifest: Manifest,
  context: Context,
): Promise<ImageConfig | undefined> {
  if (manifest.kind !== "image" || !/image\.config|container\.image/.test(manifest.config.mediaType))
    return undefined;
  return readConfig(source, manifest.config, { signal: context.signal });
}

function describe(
  name: string,
  descriptor: Descriptor,
  manifest: Manifest,
  config: ImageConfig | undefined,
): Outcome {
  const { digest, size } = descriptor;
  const { mediaType, annotations, artifactType, subject } = manifest;
  const common = {
    ...{ name, digest, mediaType, size, kind: manifest.kind },
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(subject === undefined ? {} : { subject }),
    ...(annotations === undefined ? {} : { annotations }),
  };
  const rows: string[][] = [
    ["Name:", name],
    ["Digest:", digest],
    ["Media type:", mediaType],
  ];
  if (artifactType !== undefined) rows.push(["Artifact type:", artifactType]);
  if (subject !== undefined) rows.push(["Subject:", subject.digest]);
  for (const [key, value] of Object.entries(annotations ?? {})) rows.push(["Annotation:", `${key}=${value}`]);
  if (manifest.kind === "index") {
    const lines = manifest.manifests.map((child) => [
      child.platform === undefined ? "-" : formatPlatform(child.platform),
      child.digest,
    ]);
    return {
      data: { ...common, manifests: manifest.manifests },
      text: `${rowsText(rows)}\nImages:\n${indent(table(lines))}`,
    };
  }
  const blobs = manifest.kind === "image" ? manifest.layers : manifest.blobs;
  if (config?.platform !== undefined) rows.push(["Platform:", formatPlatform(config.platform)]);
  if (config?.created !== undefined) rows.push(["Created:", config.created]);
  rows.push(...executionRows(config));
  const bytes = blobs.reduce((sum, blob) => sum + blob.size, 0);
  rows.push([
    manifest.kind === "image" ? "Layers:" : "Blobs:",
    `${count(blobs.length, manifest.kind === "image" ? "layer" : "blob")}, ${formatBytes(bytes)}`,
  ]);
  const lines = blobs.map((blob) => [blob.digest, formatBytes(blob.size), blob.mediaType]);
  return {
    data: {
      ...common,
      ...(config?.platform === undefined ? {} : { platform: config.platform }),
      ...(config?.created === undefined ? {} : { created: config.created }),
      ...(config === undefined ? {} : { config: config.config, diffIds: config.diffIds }),
      ...(manifest.kind === "image" ? { configDescriptor: manifest.config, layers: blobs } : { blobs }),
    },
    text: lines.length === 0 ? rowsText(rows) : `${rowsText(rows)}\n${indent(table(lines, [1]))}`,
  };
}

function executionRows(config: ImageConfig | undefined): string[][] {
  if (config === undefined) return [];
  const { entrypoint, cmd, env, user, workingDir, labels } = config.config;
  return [
    ...(entrypoint === undefined ? [] : [["Entrypoint:", entrypoint.join(" ")]]),
    ...(cmd === undefined ? [] : [["Command:", cmd.join(" ")]]),
    ...(user ? [["User:", user]] : []),
    ...(workingDir ? [["Folder:", workingDir]] : []),
    ...(env ?? []).map((variable) => ["Variable:", variable]),
    ...Object.entries(labels ?? {}).map(([key, value]) => ["Label:", `${key}=${value}`]),
  ];
}

function rowsText(rows: readonly (readonly string[])[]): string {
  return table(rows.map((row) => row.map(printable)));
}

function indent(text: string): string {
  return text.replace(/^/gm, "  ");
}
