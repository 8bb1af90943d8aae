import { LadingError } from "../../errors.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import type { Digest } from "../../spec/digest.ts";
import { type LayoutEntry, refNameAnnotation } from "../../spec/layout-files.ts";
import { limits } from "../../spec/limits.ts";
import { type ImageManifest, parseManifest } from "../../spec/manifest.ts";
import { mediaTypes } from "../../spec/media-type.ts";
import { formatReference, parseReference } from "../../spec/reference.ts";
import { containerdName } from "../layout/catalog.ts";
import { blobName } from "./oci-archive.ts";

/** Reads what the archive holds. */
export interface ArchiveContent {
  read(descriptor: Descriptor): Promise<Uint8Array | undefined>;
  has(descriptor: Descriptor): boolean;
}

interface Line {
  readonly Config: string;
  readonly RepoTags: string[];
  readonly Layers: readonly string[];
}

/**
 * The `manifest.json` of an archive for docker: a line for each image whose config and layers are all there. Artifacts
 * are no images, and show only in the layout.
 */
export async function dockerManifest(
  entries: readonly LayoutEntry[],
  content: ArchiveContent,
): Promise<Uint8Array> {
  const lines = new Map<Digest, Line>();
  for (const { descriptor, name } of entries) {
    const found = await imageOf(descriptor, content, 0);
    if (found === undefined) continue;
    let line = lines.get(found.digest);
    if (line === undefined) {
      line = {
        Config: blobName(found.manifest.config.digest),
        RepoTags: [],
        Layers: found.manifest.layers.map(({ digest }) => blobName(digest)),
      };
      lines.set(found.digest, line);
    }
    if (name !== undefined && wholeName(name) !== undefined) line.RepoTags.push(name);
  }
  return Buffer.from(JSON.stringify([...lines.values()]));
}

/** The image itself, or of an index the one that docker would most likely be asked for. */
async function imageOf(
  descriptor: Descriptor,
  content: ArchiveContent,
  depth: number,
): Promise<{ digest: Digest; manifest: ImageManifest } | undefined> {
  if (depth > limits.graphDepth || descriptor.size > limits.manifestBytes) return undefined;
  const bytes = await content.read(descriptor);
  if (bytes === undefined) return undefined;
  const manifest = parsed(bytes, descriptor);
  if (manifest?.kind === "image") {
    const { config, layers } = manifest;
    const isImage = config.mediaType === mediaTypes.ociConfig || config.mediaType === mediaTypes.dockerConfig;
    const whole = isImage && [config, ...layers].every((each) => content.has(each));
    return whole ? { digest: descriptor.digest, manifest } : undefined;
  }
  if (manifest?.kind !== "index") return undefined;
  const common = ({ platform }: Descriptor) => platform?.os === "linux" && platform.architecture === "amd64";
  const children = [
    ...manifest.manifests.filter(common),
    ...manifest.manifests.filter((child) => !common(child)),
  ];
  for (const child of children) {
    const found = await imageOf(child, content, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

function parsed(bytes: Uint8Array, descriptor: Descriptor): ReturnType<typeof parseManifest> | undefined {
  try {
    return parseManifest(bytes, descriptor.mediaType);
  } catch (error) {
    if (error instanceof LadingError) return undefined;
    throw error;
  }
}

/** The normal form of a `repository:tag`; undefined for other names. */
function wholeName(name: string): string | undefined {
  try {
    const reference = parseReference(name);
    return reference.tag === undefined || reference.digest !== undefined
      ? undefined
      : formatReference(reference);
  } catch {
    return undefined;
  }
}

/** The entry as docker writes it: with the image's whole name, from which docker's containerd store takes it. */
export function withDockerNames(entry: LayoutEntry): LayoutEntry {
  const whole = entry.name === undefined ? undefined : wholeName(entry.name);
  if (entry.name === undefined || whole === undefined) return entry;
  const annotations = { [containerdName]: whole, [refNameAnnotation]: entry.name };
  return { ...entry, json: { ...entry.json, annotations } };
}
