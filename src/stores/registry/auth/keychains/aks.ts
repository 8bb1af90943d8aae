import { LadingError } from "../../../../errors.ts";
import { helperWay } from "./helper-way.ts";
import { jwtEnd } from "./jwt.ts";
import type { Keychain, KeychainContext } from "./keychain.ts";
import { readSecretFile } from "./secret-file.ts";
import { tokenIn } from "./token-servers.ts";

export interface AzureEndpoints {
  /** Gives tokens of Azure, for the cloud that the registry is in. */
  readonly login: string;
  /** The registry itself, which exchanges them. */
  readonly registry: (registry: string) => string;
}

interface Cloud {
  readonly login: string;
  /** What the token is for. */
  readonly audience: string;
}

/** Azure's clouds by the last label of their registries. */
const clouds: Readonly<Record<string, Cloud>> = {
  io: { login: "https://login.microsoftonline.com", audience: "https://containerregistry.azure.net" },
  cn: { login: "https://login.chinacloudapi.cn", audience: "https://management.chinacloudapi.cn" },
  us: { login: "https://login.microsoftonline.us", audience: "https://management.usgovcloudapi.net" },
};

const registries = /^[a-z0-9-]{1,63}\.azurecr\.(?<cloud>io|cn|us)$/;
/** For refresh tokens that do not say when they end. */
const unknownLifeMs = 30 * 60 * 1000;

/** Azure's registries with a service principal or a workload's identity, else Azure's helper. */
export function aksKeychain(context: KeychainContext, given: Partial<AzureEndpoints> = {}): Keychain {
  return {
    serves: (registry) => registries.test(registry),
    ways: [
      {
        name: "service principal",
        get: async (registry) => {
          const proof = await proofOf(context);
          const tenant = context.variables["AZURE_TENANT_ID"];
          if (proof === undefined || !tenant) return undefined;
          const cloud = clouds[registries.exec(registry)?.groups?.["cloud"] ?? ""];
          if (cloud === undefined) return undefined;
          const login = given.login ?? loginServer(context, cloud);
          const own = given.registry?.(registry) ?? `https://${registry}`;
          const azureToken = await askForm(
            new URL(`/${encodeURIComponent(tenant)}/oauth2/v2.0/token`, login),
            { grant_type: "client_credentials", scope: `${cloud.audience}/.default`, ...proof },
            "access_token",
            context,
          );
          const identityToken = await askForm(
            new URL("/oauth2/exchange", own),
            { grant_type: "access_token", service: registry, tenant, access_token: azureToken },
            "refresh_token",
            context,
          );
          const endsAt = jwtEnd(identityToken) ?? context.clock.now() + unknownLifeMs;
          return { identityToken, endsAt };
        },
      },
      helperWay("acr-env", context),
    ],
  };
}

/** Who asks, and what shows it: a secret, or a token that the cluster gives to its workload. */
async function proofOf({
  variables,
}: KeychainContext): Promise<Readonly<Record<string, string>> | undefined> {
  const id = variables["AZURE_CLIENT_ID"];
  const secret = variables["AZURE_CLIENT_SECRET"];
  const file = variables["AZURE_FEDERATED_TOKEN_FILE"];
  if (!id) return undefined;
  if (secret) return { client_id: id, client_secret: secret };
  if (!file) return undefined;
  const assertion = await readSecretFile(file);
  if (assertion === undefined) {
    throw new LadingError("ERR_LADING_NOT_FOUND", "AZURE_FEDERATED_TOKEN_FILE names no file", {
      place: file,
    });
  }
  return {
    client_id: id,
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: assertion.trim(),
  };
}

/** AZURE_AUTHORITY_HOST is for private clouds; it gets the secret, so it has to be https. */
function loginServer({ variables }: KeychainContext, cloud: Cloud): string {
  const own = variables["AZURE_AUTHORITY_HOST"];
  if (!own) return cloud.login;
  if (URL.canParse(own) && new URL(own).protocol === "https:") return own;
  throw new LadingError("ERR_LADING_USAGE", "AZURE_AUTHORITY_HOST is not an https URL");
}

async function askForm(
  url: URL,
  form: Readonly<Record<string, string>>,
  field: string,
  { servers }: KeychainContext,
): Promise<string> {
  const answer = await servers.ask({
    method: "POST",
    url,
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams(form).toString(),
  });
  return tokenIn(answer, field);
}
