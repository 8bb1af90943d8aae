import { collect } from "../../src/bytes/collect.ts";
import { digestOf } from "../../src/bytes/hash.ts";
import { streamOf } from "../../src/bytes/stream.ts";
import { gzip } from "../../src/formats/gzip/gzip.ts";
import { sampleBytes } from "../support/sample-bytes.ts";

const mib = 1024 * 1024;
const packed = await collect(gzip(streamOf(sampleBytes(3 * mib + 4321)), { level: 1 }), 8 * mib, "output");
process.stdout.write(digestOf(packed));
