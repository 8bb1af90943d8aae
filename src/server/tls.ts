import { createServer, type Server, type ServerOptions } from "node:https";
import { LadingError, messageOf } from "../errors.ts";
import type { RegistryServerOptions } from "./options.ts";

/** @throws LadingError ERR_LADING_DOCUMENT when certificate and key are no PEM, or do not belong together */
export function createTlsServer(
  { cert, key, clientCa }: NonNullable<RegistryServerOptions["tls"]>,
  settings: ServerOptions,
): Server {
  const clients = clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true };
  try {
    return createServer({ ...settings, cert, key, minVersion: "TLSv1.2", ...clients });
  } catch (error) {
    throw new LadingError(
      "ERR_LADING_DOCUMENT",
      `the certificate and its key cannot be used: ${messageOf(error)}`,
      {
        hint: "give PEM files, the certificate first in its chain, and the key that belongs to it",
        cause: error,
      },
    );
  }
}
