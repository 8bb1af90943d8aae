import assert from "node:assert/strict";
import test from "node:test";
import {
  dockerRegistryPassword,
  dockerRegistryUser,
  startDockerRegistry,
} from "../../support/docker-registry.ts";
import { needs } from "../../support/peers.ts";

test("docker-registry starts, and asks for a password when told to", needs("docker-registry"), async (t) => {
  const open = await startDockerRegistry(t);
  assert.equal((await fetch(`http://${open.host}/v2/`)).status, 200);
  const closed = await startDockerRegistry(t, { htpasswd: true });
  assert.equal((await fetch(`http://${closed.host}/v2/`)).status, 401);
  const authorization = `Basic ${Buffer.from(`${dockerRegistryUser}:${dockerRegistryPassword}`).toString("base64")}`;
  assert.equal((await fetch(`http://${closed.host}/v2/`, { headers: { authorization } })).status, 200);
});
