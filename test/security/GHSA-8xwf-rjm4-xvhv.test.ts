import { directory, file, outside, resists, symlink } from "./unpack-attack.ts";

// oras-go GHSA-8xwf-rjm4-xvhv, the oldest class ("zip slip"): names with `..` or a root of their own.

for (const name of ["../outside/canary", "a/../../outside/canary", "./../x", "..", "a/..", "../target/x"]) {
  resists(`a name that leads out: ${name}`, { expect: "ERR_LADING_UNSAFE_PATH", layers: [[file(name)]] });
}

for (const name of ["../outside", "a/../../outside/folder", ".."]) {
  resists(`a folder that leads out: ${name}`, {
    expect: "ERR_LADING_UNSAFE_PATH",
    layers: [[{ ...directory(name), mode: 0o777 }]],
  });
}

resists("a symbolic link whose own name leads out", {
  expect: "ERR_LADING_UNSAFE_PATH",
  layers: [[symlink("../outside/canary", "x")]],
});

resists("an absolute name means the target's root, as in every container", {
  expect: "harmless",
  layers: [[file(`${outside}/canary`), file("//x"), file("/./y")]],
});

resists("a file in the place of the target itself", {
  expect: "ERR_LADING_UNSAFE_PATH",
  layers: [[file(".")], [file("./.")]],
});

resists("a folder with content in the place of the target itself", {
  expect: "ERR_LADING_ARCHIVE",
  layers: [[file("./")]],
});

resists("a symbolic link in the place of the target itself", {
  expect: "ERR_LADING_UNSAFE_PATH",
  layers: [[symlink(".", outside)], [file("canary")]],
});

resists("backslashes are plain characters where they are", {
  expect: "harmless",
  leaves: ['file 644 ..\\outside\\canary "evil"', 'file 644 C:\\x "evil"'],
  layers: [[file("..\\outside\\canary"), file("C:\\x")]],
});
