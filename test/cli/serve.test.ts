import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { tempDir } from "../support/tmp.ts";
import { ended, lading, startLading } from "./support/program.ts";

/** A served registry; resolves when it listens. */
async function serve(t: test.TestContext, cwd: string, ...flags: string[]): Promise<string> {
  const child = startLading(["registry", "serve", "--dir", "r", "--listen", "127.0.0.1:0", ...flags], {
    cwd,
  });
  const end = ended(child);
  t.after(async () => {
    child.kill("SIGTERM");
    await end;
  });
  return await new Promise((resolve, reject) => {
    let said = "";
    child.stderr?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      const host = /Serving r on http:\/\/(\S+)/.exec(said)?.[1];
      if (host !== undefined) resolve(host);
    });
    void end.then(({ stderr }) => reject(new Error(stderr)));
  });
}

test("what is pushed to a served registry is a layout on disk", async (t) => {
  const cwd = await tempDir(t);
  const host = await serve(t, cwd, "--log", "json");
  await writeFile(join(cwd, "file"), "content");
  assert.equal((await lading(["push", "-i", `${host}/a/b:v1`, "-f", "file"], { cwd })).code, 0);
  assert.equal((await lading(["image", "cat", `${host}/a/b:v1`, "file"], { cwd })).stdout, "content");
});

test("a read-only registry refuses a push", async (t) => {
  const cwd = await tempDir(t);
  await mkdir(join(cwd, "r"));
  const host = await serve(t, cwd, "--read-only");
  const { code, stderr } = await lading(["push", "-i", `${host}/a:v1`, "-f", cwd], { cwd });
  assert.notEqual(code, 0);
  assert.match(stderr, /^error ERR_LADING_/m);
});

test("rights decide who may do what, with passwords and with tokens", async (t) => {
  const cwd = await tempDir(t);
  // Nobody logs in here: what matters is who is let in without it.
  const hash = "$2b$04$abcdefghijklmnopqrstuuKRSXf8TjUrT2Ywj.NrpYDwJV/rVmPR6";
  await writeFile(join(cwd, "users"), `jane:${hash}\n`);
  const rules = [{ who: "anyone", repositories: ["public/**"], actions: ["pull"] }];
  await writeFile(join(cwd, "rights.json"), JSON.stringify(rules));
  const host = await serve(t, cwd, "--htpasswd", "users", "--rights", "rights.json", "--tokens");
  const open = await lading(["pull", "-i", `${host}/public/a:v1`, "-o", "out"], { cwd });
  assert.equal(open.code, 3, open.stderr);
  const shut = await lading(["pull", "-i", `${host}/private/a:v1`, "-o", "out"], { cwd });
  assert.equal(shut.code, 4, shut.stderr);
});

test("rights that cannot be read are refused at the start", async (t) => {
  const cwd = await tempDir(t);
  for (const text of ["{", "{}", '[{"who": "everybody"}]']) {
    await writeFile(join(cwd, "rights.json"), text);
    const { code, stderr } = await lading(["registry", "serve", "--dir", "r", "--rights", "rights.json"], {
      cwd,
    });
    assert.equal(code, 1, text);
    assert.match(stderr, /the rights cannot be read/);
  }
});
