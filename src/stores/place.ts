import { LadingError } from "../errors.ts";
import { isDigest, quote } from "../spec/digest.ts";
import { formatReference, parseReference, type Reference } from "../spec/reference.ts";

/** A file or folder, and which of its images: a name, a digest, or "" for the only one. */
interface FilePlace {
  readonly path: string;
  readonly reference: string;
}

/** Where images are, as users write it. */
export type Place =
  | (FilePlace & { readonly kind: "layout" })
  | (FilePlace & { readonly kind: "oci-archive" })
  | (FilePlace & { readonly kind: "docker-archive" })
  | { readonly kind: "registry"; readonly reference: Reference };

const kinds: Readonly<Record<string, "layout" | "oci-archive" | "docker-archive">> = {
  oci: "layout",
  "oci-archive": "oci-archive",
  "docker-archive": "docker-archive",
};

const prefixes = { layout: "oci", "oci-archive": "oci-archive", "docker-archive": "docker-archive" } as const;

/** Transports of skopeo that Lading does not have. */
const foreign =
  /^(?:dir|docker-daemon|containers-storage|ostree|sif|tarball|atomic|docker-tar|oci-layout|file):/;

/**
 * Parses a place as skopeo users write it: `oci:dir[:name]`, `oci:dir@sha256:…`, `oci-archive:file[:name]`,
 * `docker-archive:file[:name]`, or a reference in a registry, with or without `docker://`. As in skopeo the first colon
 * ends the path, that of a drive on Windows aside; a path that has colons is written in double quotes: `oci:"a:b":name`.
 * @param platform of the machine: only on "win32" is `c:\\images` a path with a drive
 * @throws LadingError ERR_LADING_REFERENCE
 */
export function parsePlace(text: string, platform: string = process.platform): Place {
  const colon = text.indexOf(":");
  const prefix = text.slice(0, Math.max(colon, 0));
  const kind = Object.hasOwn(kinds, prefix) ? kinds[prefix] : undefined;
  if (kind !== undefined) return { kind, ...parseFile(text.slice(colon + 1), text, platform) };
  if (foreign.test(text)) {
    throw new LadingError("ERR_LADING_REFERENCE", `places of the kind ${quote(prefix)} are not supported`, {
      hint: "supported are oci:, oci-archive:, docker-archive:, and references in registries",
    });
  }
  return { kind: "registry", reference: parseReference(text.replace(/^docker:\/\//, "")) };
}

function parseFile(rest: string, text: string, platform: string): FilePlace {
  const { path, after } = rest.startsWith('"') ? quotedPath(rest, text) : plainPath(rest, platform);
  if (path === "" || path.includes("\0")) throw invalid(text, "it names no path");
  if (after === "") return { path, reference: "" };
  const reference = after.slice(1);
  if (after.startsWith("@")) {
    if (!isDigest(reference)) throw invalid(text, `${quote(reference)} is not a digest`);
  } else if (reference === "") {
    throw invalid(text, "there is no name after the last colon");
  }
  return { path, reference };
}

function quotedPath(rest: string, text: string): { path: string; after: string } {
  const end = rest.indexOf('"', 1);
  const after = rest.slice(end + 1);
  if (end < 0 || (after !== "" && !/^[:@]/.test(after))) throw invalid(text, "the quotes do not match");
  return { path: rest.slice(1, end), after };
}

function plainPath(rest: string, platform: string): { path: string; after: string } {
  const at = rest.lastIndexOf("@");
  const drive = platform === "win32" && /^[A-Za-z]:[\\/]/.test(rest) ? 2 : 0;
  const colon = rest.indexOf(":", drive);
  // `dir@sha256:…`: the digest's own colon ends no path.
  if (at > 0 && isDigest(rest.slice(at + 1)) && colon > at) {
    return { path: rest.slice(0, at), after: rest.slice(at) };
  }
  return colon < 0 ? { path: rest, after: "" } : { path: rest.slice(0, colon), after: rest.slice(colon) };
}

function invalid(text: string, why: string): LadingError {
  return new LadingError("ERR_LADING_REFERENCE", `not a place: ${quote(text)}: ${why}`, {
    hint: "write oci:folder:name, oci-archive:file, docker-archive:file or registry/repository:tag",
  });
}

/** The place in its normal form; `parsePlace(formatPlace(p))` gives `p` back. */
export function formatPlace(place: Place, platform: string = process.platform): string {
  if (place.kind === "registry") return formatReference(place.reference);
  const { path, reference } = place;
  const withoutDrive = platform === "win32" ? path.replace(/^[A-Za-z]:[\\/]/, "") : path;
  // A single letter with a name after it could be taken for a drive.
  const couldBeDrive = platform === "win32" && /^[A-Za-z]$/.test(path);
  const isPlain = !/[:@]/.test(withoutDrive) && !path.startsWith('"') && !couldBeDrive;
  const written = isPlain ? path : `"${path}"`;
  const after = reference === "" ? "" : `${isDigest(reference) ? "@" : ":"}${reference}`;
  return `${prefixes[place.kind]}:${written}${after}`;
}
