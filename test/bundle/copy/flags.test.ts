/** What only Lading's copy has, by its command: differential tars, and what refers to images. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { parseReference } from "../../../src/spec/reference.ts";
import { artifact, image } from "../../support/content.ts";
import { startRegistry } from "../../support/registry.ts";
import { fails, run, type Shell } from "../acceptance/support.ts";
import { Yard } from "./yard.ts";

interface Scene {
  readonly yard: Yard;
  readonly shell: Shell;
  readonly from: string;
  /** Where nothing but copies is. */
  readonly to: string;
  readonly app: string;
}

async function scene(t: TestContext): Promise<Scene> {
  const [{ host: from }, { host: to }] = [await startRegistry(t), await startRegistry(t)];
  const yard = await Yard.open(t);
  const app = await yard.put(`${from}/app`, image({ seed: 1, layers: 1, layerBytes: 100_000 }));
  await yard.bundle(`${from}/bundle`, [app]);
  return { yard, shell: { cwd: yard.dir, env: {} }, from, to, app };
}

test("--since leaves out what a tar has, --known what a repository has: the same tar", async (t) => {
  const { yard, shell, from, to, app } = await scene(t);
  await run(shell, `copy -b ${from}/bundle:v1 --to-tar first.tar`);
  await run(shell, `copy --tar first.tar --to-repo ${to}/bundle`);
  const added = await yard.put(`${from}/added`, image({ seed: 2, layers: 1, layerBytes: 5000 }));
  await yard.bundle(`${from}/bundle`, [app, added], "v2");
  const said = await run(shell, `copy -b ${from}/bundle:v2 --to-tar since.tar --since first.tar`);
  assert.match(said.stdout, /moved 2 layers \(.*\), 1 left out \(.*\)\n/);
  await run(shell, `copy -b ${from}/bundle:v2 --to-tar known.tar --known ${to}/bundle`);
  const tar = readFileSync(join(shell.cwd, "since.tar"));
  assert.deepEqual(readFileSync(join(shell.cwd, "known.tar")), tar);
  assert.ok(tar.length < readFileSync(join(shell.cwd, "first.tar")).length);
  const elsewhere = await fails(shell, `copy --tar since.tar --to-repo ${to}/elsewhere`);
  assert.match(elsewhere, /ERR_LADING_MISSING_CONTENT/);
  assert.deepEqual(await yard.tags(`${to}/elsewhere`).catch(() => []), []);
  await run(shell, `copy --tar since.tar --to-repo ${to}/bundle`);
  await run(shell, `bundle verify ${to}/bundle:v2 --bytes`);
});

test("--since and --known with what is no tar or no repository are refused, and nothing is written", async (t) => {
  const { shell, from, to } = await scene(t);
  writeFileSync(join(shell.cwd, "no.tar"), "no tar");
  for (const flag of ["--since no.tar", "--since absent.tar", `--known ${to}/bundle:v1:x`]) {
    await fails(shell, `copy -b ${from}/bundle:v1 --to-tar out.tar ${flag}`);
    assert.throws(() => readFileSync(join(shell.cwd, "out.tar")), { code: "ENOENT" }, flag);
  }
});

test("--referrers takes what refers to an image, by registry and by tar; without it nothing comes", async (t) => {
  const { yard, shell, from, to, app } = await scene(t);
  const { digest } = parseReference(app);
  assert.ok(digest);
  const subject = await yard.at(`${from}/app`).resolve(digest);
  const sbom = artifact({ seed: 3, subject });
  await yard.put(`${from}/app`, sbom, "sbom");
  const copied = async (place: string) => {
    const found: string[] = [];
    for await (const each of yard.at(`${to}/${place}`).referrers(subject.digest)) found.push(each.digest);
    return found;
  };
  await run(shell, `copy -b ${from}/bundle:v1 --to-repo ${to}/plain`);
  assert.deepEqual(await copied("plain"), []);
  await run(shell, `copy -b ${from}/bundle:v1 --to-repo ${to}/direct --referrers`);
  assert.deepEqual(await copied("direct"), [sbom.root.digest]);
  await run(shell, `copy -b ${from}/bundle:v1 --to-tar all.tar --referrers`);
  await run(shell, `copy --tar all.tar --to-repo ${to}/carried`);
  assert.deepEqual(await copied("carried"), [sbom.root.digest]);
});
