/** Scripts as teams have them, and what they read where something goes wrong. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { Yard } from "../../bundle/copy/yard.ts";
import { image, index } from "../../support/content.ts";
import { startFaultProxy } from "../../support/fault-proxy.ts";
import { startRegistry } from "../../support/registry.ts";
import { imgpkg, lading } from "../support/program.ts";

async function scene(t: TestContext) {
  const { host } = await startRegistry(t);
  const yard = await Yard.open(t);
  const cwd = yard.dir;
  const call = (line: string) => imgpkg(line.split(" "), { cwd });
  const ok = async (line: string): Promise<string> => {
    const { code, stdout, stderr } = await call(line);
    assert.deepEqual([code, stderr], [0, ""], line);
    return stdout;
  };
  const fails = async (line: string): Promise<string[]> => {
    const { code, stdout, stderr } = await call(line);
    assert.deepEqual([code, stdout], [1, ""], line);
    return stderr.trimEnd().split("\n");
  };
  return { host, yard, cwd, call, ok, fails };
}

test("build, carry over by tar, unpack: each step reads what the one before has written", async (t) => {
  const { host, yard, cwd, ok } = await scene(t);
  const app = await yard.image(`${host}/app`, 1);
  await yard.bundle(`${host}/made`, [app]);
  await ok(`pull -b ${host}/made:v1 -o bundle`);
  assert.equal(await ok(`push -b ${host}/bundle:v1 -f bundle --lock-output bundle.lock.yml`), "");
  assert.equal(await ok("copy --lock bundle.lock.yml --to-tar bundle.tar"), "");
  const inside = (await startRegistry(t)).host;
  assert.equal(
    await ok(`copy --tar bundle.tar --to-repo ${inside}/apps/bundle --lock-output in.lock.yml`),
    "",
  );
  assert.equal(await ok("pull --lock in.lock.yml -o unpacked"), "");
  const digest = app.replace(/.*@/, "");
  assert.equal(
    readFileSync(join(cwd, "unpacked/.imgpkg/images.yml"), "utf8"),
    `---\napiVersion: imgpkg.carvel.dev/v1alpha1\nimages:\n- image: ${inside}/apps/bundle@${digest}\nkind: ImagesLock\n`,
  );

  // grep -oP "Pushed '\K[^']+", jq -r '.Tables[0].Rows[].name', and $(imgpkg tag resolve).
  const pushed = /Pushed '([^']+)/.exec(await ok(`push -b ${inside}/again:v1 -f bundle --tty`))?.[1];
  assert.equal(await ok(`tag resolve -i ${inside}/again:v1`), pushed);
  const tags = JSON.parse(await ok(`tag list -i ${inside}/apps/bundle --json`));
  assert.deepEqual(tags.Tables[0].Rows, [{ name: "v1" }]);
  assert.deepEqual([tags.Blocks, tags.Lines], [null, ["Succeeded"]]);
  const described = await ok(`describe -b ${inside}/apps/bundle:v1 -o yaml`);
  assert.ok(described.startsWith("sha: sha256:"), described);
  assert.match(described, new RegExp(`\\n {6}image: ${inside}/apps/bundle@${digest}\\n`));
});

test("an index cannot be unpacked, and is told apart", async (t) => {
  const { host, yard, fails } = await scene(t);
  await yard.put(`${host}/many`, index([image({ seed: 1 }), image({ seed: 2 })]));
  assert.deepEqual(await fails(`pull -i ${host}/many:v1 -o out`), [
    "imgpkg: Error: Unable to pull non-images, such as image indexes. (hint: provide a specific digest to the image instead)",
  ]);
});

test("an image that a locations image has, and the registry has not", async (t) => {
  const { host, yard, cwd, ok, fails } = await scene(t);
  const app = await yard.image(`${host}/app`, 1);
  await yard.bundle(`${host}/bundle`, [app]);
  await ok(`copy -b ${host}/bundle:v1 --to-repo ${host}/x`);
  const digest = app.replace(/.*@/, "");
  const removed = await fetch(`http://${host}/v2/x/manifests/${digest}`, { method: "DELETE" });
  assert.equal(removed.status, 202);
  for (const to of [`--to-repo ${host}/y`, "--to-tar y.tar"]) {
    const [first, second, third = ""] = await fails(`copy -b ${host}/x:v1 ${to}`);
    assert.equal(first, "imgpkg: Error: Collecting packaging metadata:");
    assert.equal(second, `  Working with ${host}/x@${digest}:`);
    assert.match(
      third,
      /^ {4}Encountered an error most likely because this image is in Docker Registry v1 format; only v2 or OCI image format is supported \(underlying error: .*MANIFEST_UNKNOWN/,
    );
    // As itself the program has a line for where.
    const { stderr } = await lading(`copy -b ${host}/x:v1 ${to}`.split(" "), { cwd });
    assert.match(
      stderr,
      new RegExp(`\n {2}at ${host}/x@${digest}\n {2}hint: .*copy the bundle here again\n`),
    );
  }
});

test("locations that the registry does not take", async (t) => {
  const { host, yard, fails } = await scene(t);
  const bundle = await yard.bundle(`${host}/bundle`, [await yard.image(`${host}/app`, 1)]);
  const proxy = await startFaultProxy(t, host);
  const body = '{"errors":[{"code":"DENIED","message":"not this tag"}]}';
  proxy.script({
    match: { method: "PUT", path: /image-locations\.imgpkg$/ },
    times: 99,
    action: { kind: "status", status: 403, body },
  });
  const tag = `${bundle.replace(/.*@/, "").replace(":", "-")}.image-locations.imgpkg`;
  const [first, second, third, fourth] = await fails(`copy -b ${host}/bundle:v1 --to-repo ${proxy.host}/x`);
  assert.equal(first, `imgpkg: Error: Creating copy information for bundle ${bundle}:`);
  assert.equal(second, `  Pushing locations image to '${proxy.host}/x:${tag}':`);
  assert.equal(third, `    PUT http://${proxy.host}/v2/x/manifests/${tag}:`);
  assert.equal(fourth, "      DENIED: not this tag");
});
