import type { Guard } from "./auth/guard.ts";
import { neededGrant } from "./auth/guard.ts";
import type { Context } from "./context.ts";
import { deleteBlob, getBlob } from "./endpoints/blobs.ts";
import { listRepositories } from "./endpoints/catalog.ts";
import { deleteManifest, getManifest, putManifest } from "./endpoints/manifests.ts";
import { listReferrers } from "./endpoints/referrers.ts";
import { listTags } from "./endpoints/tags.ts";
import { giveToken } from "./endpoints/token.ts";
import { cancelUpload, getUpload, patchUpload, putUpload, startUpload } from "./endpoints/uploads.ts";
import { Fault } from "./errors.ts";
import { type Settings, switchedOff } from "./options.ts";
import { methodsOf, type Route } from "./router.ts";

/** Lets a request pass every check that is common to all end-points, and hands it to its own. */
export async function dispatch(
  route: Route,
  guard: Guard,
  base: Omit<Context, "access">,
  health: () => Promise<void>,
): Promise<void> {
  const { exchange, settings } = base;
  const { method } = exchange;
  if (route.kind === "health") {
    checkMethod(route, method);
    return health();
  }
  exchange.principal = await guard.identify(exchange, neededGrant(route, method));
  guard.authorize(exchange, route);
  checkMethod(route, method);
  checkSwitches(route, method, settings);
  return handle(route, { ...base, access: guard.accessOf(exchange.principal) }, guard);
}

function checkMethod(route: Route, method: string): void {
  const methods = methodsOf[route.kind];
  if (methods.includes(method)) return;
  throw new Fault(405, "UNSUPPORTED", `${method} means nothing here`, {
    headers: { allow: methods.join(", ") },
  });
}

/** What the operator switched off is off in every form, decided before any handler (CVE-2026-41888). */
function checkSwitches(route: Route, method: string, settings: Settings): void {
  const reads = method === "GET" || method === "HEAD" || route.kind === "token";
  if (settings.readOnly && !reads) throw switchedOff("changing anything");
  if (method !== "DELETE") return;
  const { deletes } = settings;
  if (route.kind === "blob" && !deletes.blobs) throw switchedOff("deleting blobs");
  if (route.kind === "manifest") {
    const byDigest = route.reference.includes(":");
    if (byDigest && !deletes.manifests) throw switchedOff("deleting manifests");
    if (!byDigest && !deletes.tags) throw switchedOff("deleting tags");
  }
}

function handle(route: Route, context: Context, guard: Guard): Promise<void> {
  const { exchange } = context;
  const { method } = exchange;
  switch (route.kind) {
    case "base":
      return exchange.sendJson(200, {});
    case "blob":
      return method === "DELETE"
        ? deleteBlob(context, route.repository, route.digest)
        : getBlob(context, route.repository, route.digest);
    case "uploads":
      return startUpload(context, route.repository);
    case "upload": {
      const upload = { PATCH: patchUpload, PUT: putUpload, DELETE: cancelUpload }[method] ?? getUpload;
      return upload(context, route.repository, route.id);
    }
    case "manifest": {
      const manifest = { PUT: putManifest, DELETE: deleteManifest }[method] ?? getManifest;
      return manifest(context, route.repository, route.reference);
    }
    case "tags":
      return listTags(context, route.repository);
    case "referrers":
      return listReferrers(context, route.repository, route.digest);
    case "catalog":
      return listRepositories(context);
    case "token":
      return giveToken(exchange, guard);
    case "metrics":
      if (!context.settings.metrics) throw new Fault(404, "UNSUPPORTED", "there are no metrics here");
      return exchange.send(
        200,
        { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
        Buffer.from(context.metrics.format()),
      );
    case "health":
      throw new Error("health is answered before anything is checked");
  }
}
