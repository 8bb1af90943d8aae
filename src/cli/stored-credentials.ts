import { anonymous, type CredentialSource } from "../stores/registry/auth/credentials.ts";
import type { Environment } from "./environment.ts";

export function storedCredentials(_environment: Environment): CredentialSource {
  return anonymous;
}
