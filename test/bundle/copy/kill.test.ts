/** A copy that is killed in the middle leaves no locations, and the next one completes it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import test from "node:test";
import { startLading } from "../../cli/support/program.ts";
import { image } from "../../support/content.ts";
import { type Fault, startFaultProxy } from "../../support/fault-proxy.ts";
import { startRegistry } from "../../support/registry.ts";
import { run } from "../acceptance/support.ts";
import { Yard } from "./yard.ts";

/** What the destination holds up: the copy is killed while it waits for that. */
const points: readonly (readonly [name: string, held: NonNullable<Fault["match"]>])[] = [
  ["a blob", { method: "PUT", path: /blobs\/uploads/ }],
  ["the manifests with their generated tags", { method: "PUT", path: /manifests\/sha256-[0-9a-f]+\.imgpkg/ }],
];

for (const [name, match] of points) {
  test(`killed at ${name}: no locations and no name; the next copy moves only what is not there`, async (t) => {
    const [from, to] = [await startRegistry(t), await startRegistry(t)];
    const yard = await Yard.open(t);
    const apps = [];
    for (const seed of [1, 2, 3]) apps.push(await yard.put(`${from.host}/app-${seed}`, image({ seed })));
    const nested = await yard.bundle(`${from.host}/nested`, apps.slice(1));
    await yard.bundle(`${from.host}/outer`, [...apps, nested]);
    const proxy = await startFaultProxy(t, to.host);
    const shell = { cwd: yard.dir, env: { HOME: yard.dir } };
    const line = (host: string) => `copy -b ${from.host}/outer:v1 --to-repo ${host}/x --json`;

    // The first one passes, so that something is there; the others hang.
    const fitting = () =>
      proxy.requests.filter(({ method, url }) => method === match.method && match.path?.test(url));
    proxy.script(
      { match, action: { kind: "delay", ms: 0 } },
      { match, times: 99, action: { kind: "delay", ms: 600_000 } },
    );
    const child = startLading(line(proxy.host).split(" "), shell);
    const ended = once(child, "exit");
    const held = () => fitting().length > 1 && fitting()[0]?.status === 201;
    while (!held() && child.exitCode === null && child.signalCode === null)
      await new Promise((done) => setTimeout(done, 10));
    child.kill("SIGKILL");
    await ended;
    assert.equal(child.signalCode, "SIGKILL");
    const left = await yard.tags(`${to.host}/x`);
    assert.ok(!left.includes("v1"));
    assert.ok(!left.some((tag) => tag.includes("image-locations")));

    const whole = JSON.parse((await run(shell, line(to.host).replace("/x ", "/whole "))).stdout);
    const done = JSON.parse((await run(shell, line(to.host))).stdout);
    assert.ok(done.moved.nodes < whole.moved.nodes + whole.mounted.nodes);
    const tags = await yard.tags(`${to.host}/x`);
    assert.equal(tags.filter((tag) => tag.includes("image-locations")).length, 2);
    assert.ok(tags.includes("v1"));
  });
}
