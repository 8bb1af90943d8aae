import { directory, file, hardLink, outside, resists, symlink } from "./unpack-attack.ts";

// GHSA-8qq5-rm4j-mr97 (node-tar): the check that a folder is no link was remembered, and stayed true for the program
// after an entry had put a symbolic link in the folder's place.

resists("a folder that becomes a link after files went into it", {
  expect: "ERR_LADING_UNSAFE_PATH",
  layers: [[directory("x"), file("x/first"), symlink("x", outside), file("x/canary")]],
});

resists("a folder far up that becomes a link", {
  expect: "ERR_LADING_UNSAFE_PATH",
  layers: [[file("x/folder/first"), symlink("x", outside), file("x/folder/canary")]],
});

resists("a folder that becomes a link in the next layer, and is written to in the one after", {
  expect: "ERR_LADING_UNSAFE_PATH",
  layers: [[file("x/folder/first")], [symlink("x", outside)], [file("x/folder/canary")]],
});

resists("a folder that is whited out and comes back as a link", {
  expect: "ERR_LADING_UNSAFE_PATH",
  layers: [[file("x/first")], [{ name: ".wh.x" }, symlink("x", outside)], [file("x/canary")]],
});

resists("a folder of special mode that becomes a link does not give its mode to what the link names", {
  expect: "harmless",
  leaves: [`link x -> ${outside}/folder`],
  layers: [[{ ...directory("x"), mode: 0o777, mtime: 5 }, symlink("x", `${outside}/folder`)]],
});

resists("a folder above that becomes a link does not lead the modes of those below out", {
  expect: "harmless",
  leaves: [`link x -> ${outside}`],
  layers: [[{ ...directory("x/folder"), mode: 0o777, mtime: 5 }, symlink("x", outside)]],
});

resists("a whiteout through a link", {
  expect: "ERR_LADING_UNSAFE_PATH",
  layers: [[symlink("x", outside)], [{ name: "x/.wh.canary" }]],
});

resists("an opaque mark through a link", {
  expect: "ERR_LADING_UNSAFE_PATH",
  layers: [[symlink("x", outside)], [{ name: "x/.wh..wh..opq" }]],
});

resists("a whiteout of a link takes the link only", {
  expect: "harmless",
  leaves: [],
  layers: [
    [symlink("x", outside), symlink("d/y", outside)],
    [{ name: ".wh.x" }, { name: ".wh.d" }],
  ],
});

resists("an opaque mark takes links in its folder only", {
  expect: "harmless",
  leaves: ["dir 755 d"],
  layers: [[symlink("d/y", outside), symlink("d/z", `${outside}/folder`)], [{ name: "d/.wh..wh..opq" }]],
});

for (const name of [".wh.", ".wh..", ".wh...", "d/.wh..", "d/.wh..."]) {
  resists(`a whiteout that names no name: ${name}`, {
    expect: "ERR_LADING_UNSAFE_PATH",
    layers: [[file("d/x")], [{ name }]],
  });
}

resists("a hard link to a file that has become a link", {
  expect: "harmless",
  leaves: [`link a -> ${outside}/canary`, 'file 644 h "evil"'],
  layers: [[file("a", "first")], [symlink("a", `${outside}/canary`)], [hardLink("h", "a"), file("h")]],
});
