import { join } from "node:path";
import { LadingError } from "../../../../errors.ts";
import { helperWay } from "./helper-way.ts";
import { signJwt } from "./jwt.ts";
import type { Keychain, KeychainContext, LentCredential } from "./keychain.ts";
import { readSecretFile, secretField, secretJson } from "./secret-file.ts";
import { endOf, tokenIn } from "./token-servers.ts";

export interface GoogleEndpoints {
  readonly token: string;
  /** Seen from Google's machines only. */
  readonly metadata: string;
}

const publicEndpoints: GoogleEndpoints = {
  token: "https://oauth2.googleapis.com/token",
  metadata: "http://169.254.169.254",
};

const scope = "https://www.googleapis.com/auth/cloud-platform";
/** On Google's machines it answers within a few milliseconds, elsewhere never. */
const metadataTimeoutMs = 1000;

const registries = /^(?:gcr\.io|(?:[a-z0-9-]+\.)+(?:gcr\.io|pkg\.dev|google\.com))$/;

/** Google's registries with Application Default Credentials: a file, else the machine's own account, else Google's tools. */
export function gkeKeychain(context: KeychainContext, given: Partial<GoogleEndpoints> = {}): Keychain {
  const { variables, servers } = context;
  const metadataHost = variables["GCE_METADATA_HOST"];
  const endpoints = {
    ...publicEndpoints,
    ...(metadataHost ? { metadata: `http://${metadataHost}` } : {}),
    ...given,
  };
  return {
    serves: (registry) => registries.test(registry),
    ways: [
      {
        name: "application default credentials",
        get: async () => {
          const file = credentialsFile(context);
          const text = await readSecretFile(file);
          if (text !== undefined) return fromFile(secretJson(text, file), file, context, endpoints);
          if (variables["GOOGLE_APPLICATION_CREDENTIALS"]) {
            throw new LadingError("ERR_LADING_NOT_FOUND", "GOOGLE_APPLICATION_CREDENTIALS names no file", {
              place: file,
            });
          }
          const asked = context.clock.now();
          const answer = await servers.ask({
            method: "GET",
            url: new URL("/computeMetadata/v1/instance/service-accounts/default/token", endpoints.metadata),
            headers: { "metadata-flavor": "Google" },
            proof: ["metadata-flavor", "Google"],
            timeoutMs: metadataTimeoutMs,
            direct: true,
          });
          return credentialOf(answer, asked);
        },
      },
      helperWay("gcr", context),
      helperWay("gcloud", context),
    ],
  };
}

function credentialsFile({ variables, home }: KeychainContext): string {
  const config = variables["CLOUDSDK_CONFIG"] || join(home, ".config/gcloud");
  return variables["GOOGLE_APPLICATION_CREDENTIALS"] || join(config, "application_default_credentials.json");
}

/** A service account signs for itself; a user's file has a token to renew with. Both go to Google alone. */
async function fromFile(
  json: Readonly<Record<string, unknown>>,
  file: string,
  { servers, clock }: KeychainContext,
  endpoints: GoogleEndpoints,
): Promise<LentCredential> {
  const asked = clock.now();
  const answer = await servers.ask({
    method: "POST",
    url: new URL(endpoints.token),
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams(grantOf(json, file, endpoints, Math.floor(asked / 1000))).toString(),
  });
  return credentialOf(answer, asked);
}

function grantOf(
  json: Readonly<Record<string, unknown>>,
  file: string,
  endpoints: GoogleEndpoints,
  nowSeconds: number,
): Record<string, string> {
  const field = (name: string): string => secretField(json, name, file);
  const type = field("type");
  if (type === "service_account") {
    const claims = {
      iss: field("client_email"),
      scope,
      aud: endpoints.token,
      iat: nowSeconds,
      exp: nowSeconds + 3600,
    };
    const keyId = json["private_key_id"];
    const assertion = signJwt(claims, field("private_key"), typeof keyId === "string" ? keyId : undefined);
    return { grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion };
  }
  if (type === "authorized_user") {
    return {
      grant_type: "refresh_token",
      client_id: field("client_id"),
      client_secret: field("client_secret"),
      refresh_token: field("refresh_token"),
    };
  }
  throw new LadingError("ERR_LADING_UNSUPPORTED", "credentials of this type are left to Google's own tools", {
    place: file,
  });
}

function credentialOf(answer: Readonly<Record<string, unknown>>, asked: number): LentCredential {
  return {
    username: "_token",
    password: tokenIn(answer, "access_token"),
    endsAt: endOf(answer, asked),
  };
}
