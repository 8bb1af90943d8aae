import assert from "node:assert/strict";
import test from "node:test";
import { startDockerRegistry } from "../../support/docker-registry.ts";
import { needs } from "../../support/peers.ts";
import { allChecks, runConformance } from "./suite.ts";

/** What docker-registry 2.8.2 is known to lack: that these fail, and no others do, shows that the suite can tell. */
const known = [
  "blobs: range bytes=500-0",
  "blobs: range bytes=5000-10000",
  "image: delete tags",
  "image: referrers",
  "manifests: many tags at once",
  "manifests: what is no manifest is refused",
  "missing subject: push",
  "ping: malformed repository names are refused",
  "referrers: of a malformed digest",
  "referrers: of what is not there is an empty index",
  "tags: `last` without `n`",
  "tags: an unreadable n is refused",
  "tags: are in order, and paged",
  "tags: n=0 is an empty list without a link",
  "uploads: a PATCH out of order is 416 and harms nothing",
  "uploads: a last chunk out of order is 416",
  "uploads: the algorithm can be named at the start",
];

test(
  "conformance: docker-registry fails where it is known to, and nowhere else",
  needs("docker-registry"),
  async (t) => {
    const { host } = await startDockerRegistry(t);
    const checks = allChecks().filter(
      ({ name, api }) =>
        name.startsWith("sha256:") && (api !== "data" || /: (?:image|missing subject): /.test(name)),
    );
    const results = await runConformance({ url: `http://${host}`, prefix: "conformance" }, checks);
    const failed = results.filter(
      ({ status, message }) => status === "fail" && message !== "it was not pushed",
    );
    assert.deepEqual(failed.map(({ name }) => name.replace("sha256: ", "")).sort(), known);
  },
);
