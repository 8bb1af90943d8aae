import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import type { CommandSpec } from "../../src/cli/command.ts";
import { longName } from "../../src/cli/option-names.ts";
import { globalOptions, registryOptions } from "../../src/cli/tree/common.ts";
import { commands } from "../../src/cli/tree/tree.ts";
import { tableRows } from "./imgpkg-tables.ts";

const root = process.env["LADING_ROOT"] ?? process.cwd();

/** What imgpkg 0.43 has, and `--ignore-bundle-check` of its later versions; `concurrency` is on every command here. */
const imgpkgFlags: Readonly<Record<string, string>> = {
  "Every command": "color column concurrency debug help json tty version yes",
  Registries:
    "registry-anon registry-ca-cert-path registry-insecure registry-password registry-response-header-timeout " +
    "registry-retry-count registry-token registry-username registry-verify-certs",
  push: "bundle file file-exclude-defaults file-exclusion image labels lock-output preserve-permissions",
  pull: "bundle image image-is-bundle-check lock output recursive",
  copy:
    "bundle cosign-signatures ignore-bundle-check image include-non-distributable-layers lock lock-output " +
    "repo-based-tags resume tar to-repo to-tar",
  describe: "bundle cosign-artifacts layers output-type",
  "tag list": "digests image imgpkg-internal-tags",
  "tag resolve": "image",
};

const imgpkgVariables =
  "DOCKER_CONFIG GITHUB_ACTOR GITHUB_TOKEN HTTPS_PROXY HTTP_PROXY IMGPKG_ACTIVE_KEYCHAINS IMGPKG_ANON " +
  "IMGPKG_ENABLE_IAAS_AUTH IMGPKG_PASSWORD IMGPKG_REGISTRY_AZURE_CR_CONFIG IMGPKG_REGISTRY_HOSTNAME " +
  "IMGPKG_REGISTRY_IDENTITY_TOKEN IMGPKG_REGISTRY_PASSWORD IMGPKG_REGISTRY_REGISTRY_TOKEN " +
  "IMGPKG_REGISTRY_USERNAME IMGPKG_TOKEN IMGPKG_USERNAME NO_PROXY REGISTRY_AUTH_FILE SSL_CERT_DIR " +
  "SSL_CERT_FILE TMPDIR XDG_RUNTIME_DIR";

/** The long flags of a section in the command tree. Help and version are not in it: the program answers them itself. */
function treeFlags(section: string): string[] {
  if (section === "Every command") return [...Object.keys(globalOptions), "help", "version"].map(longName);
  if (section === "Registries") return Object.keys(registryOptions).map(longName);
  const found: CommandSpec | undefined = Object.values(commands).find(
    ({ path }) => path.join(" ") === section,
  );
  assert.ok(found, section);
  return Object.keys(found.options)
    .filter((key) => !Object.hasOwn(registryOptions, key))
    .map(longName);
}

const rows = tableRows(await readFile(join(root, "docs/imgpkg.md"), "utf8"));

test("every flag of imgpkg's commands is in the tables, once, and in the command tree", () => {
  for (const [section, flags] of Object.entries(imgpkgFlags)) {
    const inTable = rows.filter((row) => row.section === section).map(({ names }) => names.at(-1)?.slice(2));
    assert.deepEqual(inTable.sort(), treeFlags(section).sort(), section);
    for (const flag of flags.split(" ")) assert.ok(inTable.includes(flag), `--${flag} of ${section}`);
  }
});

test("every variable of imgpkg is in the tables", () => {
  const inTable = rows.filter(({ section }) => section === "Variables").flatMap(({ names }) => names);
  assert.deepEqual(inTable.sort(), imgpkgVariables.split(" "));
});

test("the tests that the tables name have the flag or the variable", async () => {
  assert.ok(rows.length > 80, `${rows.length} rows`);
  for (const { section, names, tests, line } of rows) {
    assert.ok(tests.length > 0, `docs/imgpkg.md:${line} names no test`);
    for (const path of tests) {
      assert.match(path, /^test\/.+\.test\.ts$/);
      const text = await readFile(join(root, path), "utf8");
      // A flag ends where its word ends: --tar is not in --target.
      const has = names.some((name) => new RegExp(`(?<![\\w-])${name}(?![a-z-])`).test(text));
      assert.ok(has, `docs/imgpkg.md:${line}: ${path} has no ${names.join(" or ")} (${section})`);
    }
  }
});
