import { directory, file, hardLink, outside, resists, symlink } from "./unpack-attack.ts";

// oras-go GHSA-m37j-52j7-pjw7: link targets were checked one by one as text, so a chain of links, each of which looked
// as if it stayed inside, led out when the kernel followed all of them.

resists("a chain of links, each within reach of the one before", {
  expect: "ERR_LADING_UNSAFE_PATH",
  layers: [
    [
      directory("a"),
      directory("a/b"),
      symlink("a/b/up", ".."),
      symlink("a/b/c", "up/../.."),
      symlink("x", "a/b/c/outside"),
      file("x/canary"),
    ],
  ],
});

resists("a link to '.' that is used to climb", {
  expect: "ERR_LADING_UNSAFE_PATH",
  layers: [[symlink("dot", "."), symlink("dot/up", ".."), file("dot/up/outside/canary")]],
});

resists("links that name each other", {
  expect: "ERR_LADING_UNSAFE_PATH",
  layers: [[symlink("x", "y"), symlink("y", "x"), file("x/file")]],
});

resists("a link chain of an earlier layer", {
  expect: "ERR_LADING_UNSAFE_PATH",
  layers: [[symlink("x", "y"), symlink("y", outside)], [file("x/canary")]],
});

resists("a hard link over a chain", {
  expect: "ERR_LADING_UNSAFE_PATH",
  layers: [[symlink("y", outside), symlink("x", "y/folder"), hardLink("h", "x/canary"), file("h")]],
});
