import { isIPv6 } from "node:net";
import { LadingError } from "../errors.ts";
import { type Digest, isDigest, quote } from "./digest.ts";

/**
 * A reference to content in a registry, normalised: `docker.io` and `library/` are filled in, and nothing in it can
 * hold a path traversal. Only `parseReference` and `withTag`/`withDigest` make one.
 */
export interface Reference {
  /** Host with an optional port, lower case, such as `docker.io` or `127.0.0.1:5000`. */
  readonly registry: string;
  /** Path of the repository within the registry (distribution-spec `<name>`). */
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

const label = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const hostPattern = new RegExp(`^(?:${label}(?:\\.${label})*|\\[([0-9a-f:.]+)\\])(?::([1-9][0-9]{0,4}))?$`);
const pathComponent = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const repositoryPattern = new RegExp(`^${pathComponent}(?:/${pathComponent})*$`);
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/** Longest `<name>` of a repository (distribution-spec, "Pulling manifests"; Docker's reference grammar). */
const maxNameLength = 255;
/** Longest host name that DNS knows. */
const maxHostLength = 253;
/** More than host, name, tag and sha512 digest together can have. */
const maxReferenceLength = 1024;

export function isTag(text: string): boolean {
  return tagPattern.test(text);
}

/** Whether `text` is a repository path (distribution-spec grammar of `<name>`). */
export function isRepositoryPath(text: string): boolean {
  return text.length <= maxNameLength && repositoryPattern.test(text);
}

/** Whether `text` is a registry's host with an optional port, in lower case, as in `Reference.registry`. */
export function isRegistryHost(text: string): boolean {
  if (text.length > maxHostLength + 6 || text !== text.toLowerCase()) return false;
  const match = hostPattern.exec(text);
  if (match === null || Number(match[2] ?? 0) > 65535) return false;
  return match[1] === undefined || isIPv6(match[1]);
}

function invalid(
  text: string,
  why: string,
  hint = "write registry/repository:tag or registry/repository@sha256:…",
) {
  const shown = quote(text).slice(1, -1);
  return new LadingError("ERR_LADING_REFERENCE", `could not parse reference: ${shown}: ${why}`, { hint });
}

/**
 * Parses a reference with Docker's normalisation: a first component with a dot, a colon, or `localhost` is a host;
 * else the image is on docker.io, in `library/` when it has one component. No tag is filled in. Hosts become lower case;
 * Docker's rule that an upper-case letter alone makes a host is left out: `Team/app` is a mistake, not a registry.
 * @throws LadingError ERR_LADING_REFERENCE
 */
export function parseReference(text: string): Reference {
  if (text === "") throw invalid(text, "it is empty");
  if (text.length > maxReferenceLength) throw invalid(text, `it is longer than ${maxReferenceLength}`);
  if (mayHoldSecret(text)) {
    throw new LadingError("ERR_LADING_REFERENCE", "an image reference holds no user name and no password", {
      hint: "log in to the registry instead",
    });
  }
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(text)?.[0];
  if (scheme !== undefined) {
    throw new LadingError(
      "ERR_LADING_REFERENCE",
      `Reference ${quote(text).replace(/^"|"$/g, "'")} should not include ${scheme} protocol prefix`,
      { hint: "leave it out; --registry-insecure allows registries without TLS" },
    );
  }
  if (isDigest(text) || /^[0-9a-f]{64}$/.test(text)) {
    throw invalid(text, "it is only a digest", "name the repository too: registry/repository@sha256:…");
  }
  let rest = text;
  let digest: Digest | undefined;
  const at = rest.indexOf("@");
  if (at >= 0) {
    const encoded = rest.slice(at + 1);
    if (!isDigest(encoded)) throw invalid(text, `${quote(encoded)} is not a digest`);
    digest = encoded;
    rest = rest.slice(0, at);
  }
  let tag: string | undefined;
  const colon = rest.lastIndexOf(":");
  if (colon > rest.lastIndexOf("/") && colon >= 0 && !(rest.indexOf("/") < 0 && hostOnly(rest))) {
    tag = rest.slice(colon + 1);
    if (!isTag(tag)) {
      throw invalid(
        text,
        `${quote(tag)} is not a tag`,
        "a tag has letters, digits, '_', '.' and '-', at most 128 of them",
      );
    }
    rest = rest.slice(0, colon);
  }
  const { registry, repository } = splitName(rest, text);
  return {
    registry,
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** `user:password@host/…`, which must not come back in a message. What follows the @ of a digest has a known form. */
function mayHoldSecret(text: string): boolean {
  const at = text.indexOf("@");
  const isDigestLike = /^(?:sha|md|blake)[a-z0-9+._-]*:[^/]*$/i.test(text.slice(at + 1));
  return at > 0 && text.lastIndexOf(":", at) >= 0 && !isDigestLike;
}

/** `[::1]` alone would look like a name with a tag. */
function hostOnly(text: string): boolean {
  return text.startsWith("[");
}

function splitName(name: string, text: string): { registry: string; repository: string } {
  const slash = name.indexOf("/");
  const first = slash < 0 ? "" : name.slice(0, slash);
  const named = /[.:]/.test(first) || first.toLowerCase() === "localhost";
  const registry = named ? normalizeHost(first) : "docker.io";
  let repository = named ? name.slice(slash + 1) : name;
  if (registry === "docker.io" && repository !== "" && !repository.includes("/"))
    repository = `library/${repository}`;
  if (!isRegistryHost(registry)) throw invalid(text, `${quote(first)} is not a host`);
  if (repository.length > maxNameLength) {
    throw invalid(text, `the repository's name is longer than ${maxNameLength}`);
  }
  if (!repositoryPattern.test(repository)) {
    throw invalid(
      text,
      `${quote(repository)} is not a repository name`,
      "a name has lower-case letters and digits, with '.', '_', '-' between them and '/' between its parts",
    );
  }
  return { registry, repository };
}

function normalizeHost(host: string): string {
  const lower = host.toLowerCase();
  return lower === "index.docker.io" || lower === "registry-1.docker.io" ? "docker.io" : lower;
}

/** `registry/repository`, without tag and digest. */
export function repositoryName(reference: Reference): string {
  return `${reference.registry}/${reference.repository}`;
}

/** The whole reference in its normal form; `parseReference(formatReference(r))` gives `r` back. */
export function formatReference(reference: Reference): string {
  const tag = reference.tag === undefined ? "" : `:${reference.tag}`;
  const digest = reference.digest === undefined ? "" : `@${reference.digest}`;
  return `${repositoryName(reference)}${tag}${digest}`;
}

/** The tag or digest to ask a registry for; the digest wins, `latest` when there is neither. */
export function targetOf(reference: Reference): string {
  return reference.digest ?? reference.tag ?? "latest";
}

/** The same repository with another tag and no digest. @throws LadingError ERR_LADING_REFERENCE */
export function withTag(reference: Reference, tag: string): Reference {
  if (!isTag(tag)) throw invalid(tag, "it is not a tag");
  return { registry: reference.registry, repository: reference.repository, tag };
}

/** The same repository by digest, without a tag. */
export function withDigest(reference: Reference, digest: Digest): Reference {
  return { registry: reference.registry, repository: reference.repository, digest };
}
