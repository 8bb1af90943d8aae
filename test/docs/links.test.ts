import assert from "node:assert/strict";
import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import test from "node:test";

const root = process.env["LADING_ROOT"] ?? process.cwd();

async function pages(): Promise<string[]> {
  const folders = ["docs", "docs/decisions"];
  const found = await Promise.all(
    folders.map(async (folder) => (await readdir(join(root, folder))).map((name) => `${folder}/${name}`)),
  );
  return ["README.md", "ARCHITECTURE.md", ...found.flat().filter((path) => path.endsWith(".md"))];
}

/** Without what is in code, where brackets mean something else. */
function prose(markdown: string): string {
  return markdown.replaceAll(/^```.*?^```/gms, "").replaceAll(/`[^`\n]*`/g, "code");
}

/** What a heading is called in links, as GitHub makes it. */
function anchorsOf(markdown: string): Set<string> {
  const headings = markdown.replaceAll(/^```.*?^```/gms, "").matchAll(/^#+ (.+)$/gm);
  return new Set(
    [...headings].map(([, text = ""]) =>
      text
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

test("links lead to files and headings that are there", async () => {
  let count = 0;
  for (const page of await pages()) {
    const text = await readFile(join(root, page), "utf8");
    for (const [, target = ""] of prose(text).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      count++;
      const [path = "", anchor] = target.split("#");
      const file = path === "" ? join(root, page) : join(root, dirname(page), path);
      assert.ok(await stat(file).catch(() => undefined), `${page} leads to ${target}, which is not there`);
      if (anchor === undefined) continue;
      const anchors = anchorsOf(await readFile(file, "utf8"));
      assert.ok(anchors.has(anchor), `${page} leads to ${target}, and there is no such heading`);
    }
  }
  assert.ok(count >= 20, `${count} links`);
});
