import { createHash } from "node:crypto";
import type { ByteStream } from "../../src/bytes/stream.ts";
import { type ReadTarOptions, readTar } from "../../src/formats/tar/read.ts";

/** What any two readers of an archive must agree on. */
export interface Listed {
  readonly name: string;
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  readonly size: number;
  readonly linkName: string;
  readonly sha256: string;
}

/** The bytes in chunks of `size`, each overwritten when the next is asked for, as the contract of streams allows. */
export async function* chunked(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) {
    const chunk = Uint8Array.from(bytes.subarray(at, at + size));
    yield chunk;
    chunk.fill(0xee);
  }
}

/** All entries with their content hashed. */
export async function list(stream: ByteStream, options: ReadTarOptions = {}): Promise<Listed[]> {
  const listed: Listed[] = [];
  for await (const item of readTar(stream, options)) {
    const hash = createHash("sha256");
    let size = 0;
    for await (const chunk of item.content()) {
      hash.update(chunk);
      size += chunk.byteLength;
      // A receiver may do this with a chunk that is its own.
      if (item.bytes === undefined) chunk.fill(0x77);
    }
    if (size !== item.size) throw new Error(`${item.name}: ${size} bytes of content, not ${item.size}`);
    listed.push({
      name: item.name,
      type: item.type,
      mode: item.mode,
      uid: item.uid,
      gid: item.gid,
      mtime: item.mtime,
      size: item.size,
      linkName: item.linkName ?? "",
      sha256: item.type === "file" ? hash.digest("hex") : "",
    });
  }
  return listed;
}

/** Lists a tar on stdin with python's tarfile, as the same JSON. */
export const pythonLister = `
import hashlib, json, sys, tarfile
kinds = {b"0": "file", b"\\0": "file", b"7": "file", b"S": "file", b"1": "hardlink", b"2": "symlink", b"3": "character",
         b"4": "block", b"5": "directory", b"6": "fifo"}
out = []
with tarfile.open(sys.argv[1]) as tar:
    for m in tar:
        digest = ""
        if m.isreg():
            h = hashlib.sha256()
            f = tar.extractfile(m)
            while True:
                piece = f.read(1 << 20)
                if not piece: break
                h.update(piece)
            digest = h.hexdigest()
        kind = "file" if m.isreg() else kinds[m.type]
        out.append(dict(name=m.name, type=kind, mode=m.mode & 0o7777, uid=m.uid, gid=m.gid, mtime=m.mtime,
                        size=m.size if m.isreg() else 0, linkName=m.linkname if kind in ("symlink", "hardlink") else "",
                        sha256=digest))
json.dump(out, sys.stdout)
`;
