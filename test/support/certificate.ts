import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { promisify } from "node:util";
import { tempDir } from "./tmp.ts";

export interface Certificate {
  /** PEM. It is its own authority. */
  readonly cert: string;
  readonly key: string;
  /** Where both lie as files. */
  readonly certPath: string;
  readonly keyPath: string;
}

/** A fresh certificate for 127.0.0.1 and localhost; needs openssl. */
export async function makeCertificate(t: TestContext): Promise<Certificate> {
  const dir = await tempDir(t);
  const certPath = join(dir, "cert.pem");
  const keyPath = join(dir, "key.pem");
  await promisify(execFile)("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
    ...["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"],
    ...["-keyout", keyPath, "-out", certPath],
  ]);
  return {
    cert: await readFile(certPath, "utf8"),
    key: await readFile(keyPath, "utf8"),
    certPath,
    keyPath,
  };
}
