import { join } from "node:path";
import { LadingError } from "../../../../errors.ts";
import type { KeychainContext } from "./keychain.ts";
import { readSecretFile } from "./secret-file.ts";

/** A key pair of AWS. */
export interface AwsAccount {
  readonly keyId: string;
  readonly secret: string;
  /** Of keys that are borrowed for a while. */
  readonly sessionToken: string | undefined;
}

/** The variables first, then the shared credentials file. Undefined: neither has a key. */
export async function awsAccount({ variables, home }: KeychainContext): Promise<AwsAccount | undefined> {
  const given = accountOf(
    variables["AWS_ACCESS_KEY_ID"],
    variables["AWS_SECRET_ACCESS_KEY"],
    variables["AWS_SESSION_TOKEN"],
  );
  if (given !== undefined) return given;
  const path = variables["AWS_SHARED_CREDENTIALS_FILE"] || join(home, ".aws/credentials");
  const text = await readSecretFile(path);
  if (text === undefined) return undefined;
  const name = variables["AWS_PROFILE"] || "default";
  const profile = profileIn(text, name);
  if (profile === undefined) {
    throw new LadingError("ERR_LADING_NOT_FOUND", `the credentials file has no profile ${name}`, {
      place: path,
    });
  }
  return accountOf(
    profile.get("aws_access_key_id"),
    profile.get("aws_secret_access_key"),
    profile.get("aws_session_token"),
  );
}

function accountOf(
  keyId: string | undefined,
  secret: string | undefined,
  sessionToken: string | undefined,
): AwsAccount | undefined {
  return keyId && secret ? { keyId, secret, sessionToken: sessionToken || undefined } : undefined;
}

function profileIn(text: string, name: string): ReadonlyMap<string, string> | undefined {
  let profile: Map<string, string> | undefined;
  let isOurs = false;
  for (const line of text.split(/\r?\n/)) {
    const [, section] = /^\s*\[\s*(.*?)\s*\]/.exec(line) ?? [];
    if (section !== undefined) {
      isOurs = section === name;
      if (isOurs) profile ??= new Map();
    }
    // Deeper lines belong to a setting above them.
    const [, key, value = ""] = /^([A-Za-z0-9_]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (isOurs && key !== undefined) profile?.set(key.toLowerCase(), value);
  }
  return profile;
}
