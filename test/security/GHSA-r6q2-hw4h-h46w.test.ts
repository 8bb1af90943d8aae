import { directory, file, outside, resists, symlink } from "./unpack-attack.ts";

// GHSA-r6q2-hw4h-h46w (node-tar): names that a file system takes for equal ("ß" and "ss", composed and decomposed, upper
// and lower case) were different for the program's own bookkeeping, so a file went through a link of the other name.

const pairs = [
  ["X", "x", "case"],
  ["caf\u00e9", "cafe\u0301", "normalisation"],
  ["stra\u00dfe", "STRASSE", "sharp s"],
  ["\u212aelvin", "kelvin", "Kelvin sign"],
  ["\ufb01le", "file", "ligature"],
] as const;

for (const [first, second, what] of pairs) {
  resists(`a link and a folder that differ in ${what}, on a file system that takes them for one`, {
    expect: "ERR_LADING_UNSAFE_PATH",
    similarNames: "refuse",
    layers: [[symlink(first, outside), file(`${second}/canary`)]],
  });
  resists(`a folder and a link that differ in ${what}, over two layers`, {
    expect: "ERR_LADING_UNSAFE_PATH",
    similarNames: "refuse",
    layers: [[directory(first)], [symlink(second, outside), file(`${first}/canary`)]],
  });
}

resists("where the file system tells them apart, both are there", {
  expect: "harmless",
  leaves: [`link X -> ${outside}`, "dir 755 x", 'file 644 x/canary "evil"'],
  layers: [[symlink("X", outside), file("x/canary")]],
});
