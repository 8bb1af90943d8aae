import { LadingError } from "../errors.ts";
import { parseReference } from "../spec/reference.ts";

/** A registry as `login` takes it: a host, without scheme or path. @throws LadingError ERR_LADING_REFERENCE */
export function parseRegistry(text: string | undefined): string {
  const host = (text ?? "docker.io").replace(/^https?:\/\//, "").replace(/\/(?:v[12]\/?)?$/, "");
  if (host.includes("/") || host.includes("@")) throw invalid(text);
  if (host.includes(".") || host.includes(":") || host === "localhost") {
    return parseReference(`${host}/any`).registry;
  }
  throw invalid(text);
}

function invalid(text: string | undefined): LadingError {
  return new LadingError("ERR_LADING_REFERENCE", `not a registry: '${text ?? ""}'`, {
    hint: "write its host, such as ghcr.io or 127.0.0.1:5000",
  });
}
