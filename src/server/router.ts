import { isRepositoryPath } from "../spec/reference.ts";
import { Fault } from "./errors.ts";

/** Which end-point a path names; end-n are the numbers of distribution-spec ("Endpoints"). */
export type Route =
  /** end-1 */
  | { readonly kind: "base" }
  /** end-2, end-10 */
  | { readonly kind: "blob"; readonly repository: string; readonly digest: string }
  /** end-4, end-11 */
  | { readonly kind: "uploads"; readonly repository: string }
  /** end-5, end-6, end-13, end-14 */
  | { readonly kind: "upload"; readonly repository: string; readonly id: string }
  /** end-3, end-7, end-9 */
  | { readonly kind: "manifest"; readonly repository: string; readonly reference: string }
  /** end-8 */
  | { readonly kind: "tags"; readonly repository: string }
  /** end-12 */
  | { readonly kind: "referrers"; readonly repository: string; readonly digest: string }
  | { readonly kind: "catalog" }
  | { readonly kind: "token" }
  | { readonly kind: "health" }
  | { readonly kind: "metrics" };

export type RouteKind = Route["kind"];

/** Methods of each end-point; HEAD is a GET whose body is not sent. */
export const methodsOf: Readonly<Record<RouteKind, readonly string[]>> = {
  base: ["GET", "HEAD"],
  blob: ["GET", "HEAD", "DELETE"],
  uploads: ["POST"],
  upload: ["GET", "HEAD", "PATCH", "PUT", "DELETE"],
  manifest: ["GET", "HEAD", "PUT", "DELETE"],
  tags: ["GET", "HEAD"],
  referrers: ["GET", "HEAD"],
  catalog: ["GET", "HEAD"],
  token: ["GET", "POST"],
  health: ["GET", "HEAD"],
  metrics: ["GET", "HEAD"],
};

const fixed: Readonly<Record<string, RouteKind>> = {
  "/v2": "base",
  "/v2/": "base",
  "/v2/_catalog": "catalog",
  "/token": "token",
  "/healthz": "health",
  "/metrics": "metrics",
};

/**
 * Finds the end-point of a request path. Repository names hold slashes and may hold the words `blobs`, `manifests`, … too,
 * so a path is read from its end. It is decoded once; what the grammar of names does not allow is refused here, and so
 * nothing below can meet `..`, a NUL or an empty component.
 * @returns undefined for paths outside of the API
 * @throws Fault NAME_INVALID
 */
export function parseRoute(path: string): Route | undefined {
  const plain = Object.hasOwn(fixed, path) ? fixed[path] : undefined;
  if (plain !== undefined) return { kind: plain } as Route;
  if (!path.startsWith("/v2/")) return undefined;
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    throw new Fault(400, "NAME_INVALID", "the path is not percent-encoded UTF-8");
  }
  const parts = decoded.slice("/v2/".length).split("/");
  const [third = "", second = "", last = ""] = [parts.at(-3), parts.at(-2), parts.at(-1)];
  const named = (count: number): string => repositoryOf(parts.slice(0, -count));
  if (third === "blobs" && second === "uploads") {
    return last === ""
      ? { kind: "uploads", repository: named(3) }
      : { kind: "upload", repository: named(3), id: last };
  }
  if (second === "blobs") {
    return last === "uploads"
      ? { kind: "uploads", repository: named(2) }
      : { kind: "blob", repository: named(2), digest: last };
  }
  if (second === "tags" && last === "list") return { kind: "tags", repository: named(2) };
  if (second === "manifests") return { kind: "manifest", repository: named(2), reference: last };
  if (second === "referrers") return { kind: "referrers", repository: named(2), digest: last };
  return undefined;
}

function repositoryOf(parts: readonly string[]): string {
  const name = parts.join("/");
  if (isRepositoryPath(name)) return name;
  throw new Fault(400, "NAME_INVALID", "not a repository name", { detail: { name: name.slice(0, 256) } });
}
