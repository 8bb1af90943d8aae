import { LadingError } from "../../../../errors.ts";
import { isRecord } from "../auth-file.ts";
import { awsAccount } from "./aws-account.ts";
import { signAws } from "./aws-signature.ts";
import { helperWay } from "./helper-way.ts";
import type { Keychain, KeychainContext, LentCredential } from "./keychain.ts";

/** Where an API of AWS is. */
export type AwsEndpoint = (api: AwsApi) => string;

export interface AwsApi {
  readonly host: string;
  readonly region: string;
  /** The service's name in signatures. */
  readonly service: string;
  /** `X-Amz-Target`: which operation it is. */
  readonly operation: string;
  readonly body: string;
}

const privateRegistry =
  /^(?<account>[0-9]{12})\.dkr[.-]ecr(?<fips>-fips)?\.(?<region>[a-z0-9-]+)\.(?:amazonaws\.com(?<china>\.cn)?|on\.aws)$/;
const publicRegistry = "public.ecr.aws";
/** ECR's tokens last twelve hours. */
const unknownLifeMs = 60 * 60 * 1000;

/** AWS's registries with a key from the environment or the shared file, else AWS's helper. */
export function ecrKeychain(
  context: KeychainContext,
  endpoint: AwsEndpoint = ({ host }) => `https://${host}`,
): Keychain {
  return {
    serves: (registry) => apiFor(registry) !== undefined,
    ways: [
      {
        name: "access key",
        get: async (registry) => {
          const api = apiFor(registry);
          const account = await awsAccount(context);
          if (api === undefined || account === undefined) return undefined;
          const url = new URL("/", endpoint(api));
          const { region, service, body } = api;
          const headers = { "content-type": "application/x-amz-json-1.1", "x-amz-target": api.operation };
          const answer = await context.servers.ask({
            method: "POST",
            url,
            headers: signAws({ url, headers, body, region, service }, account, context.clock.now()),
            body,
          });
          return credentialOf(answer, context.clock.now());
        },
      },
      helperWay("ecr-login", context),
    ],
  };
}

function apiFor(registry: string): AwsApi | undefined {
  if (registry === publicRegistry) {
    return {
      host: "api.ecr-public.us-east-1.amazonaws.com",
      region: "us-east-1",
      service: "ecr-public",
      operation: "SpencerFrontendService.GetAuthorizationToken",
      body: "{}",
    };
  }
  const found = privateRegistry.exec(registry)?.groups;
  const region = found?.["region"];
  if (found === undefined || region === undefined) return undefined;
  return {
    host: `${found["fips"] ? "ecr-fips" : "api.ecr"}.${region}.amazonaws.com${found["china"] ?? ""}`,
    region,
    service: "ecr",
    operation: "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken",
    body: JSON.stringify({ registryIds: [found["account"]] }),
  };
}

/** The private API answers with a list of one, the public one with that itself. */
function credentialOf(answer: Readonly<Record<string, unknown>>, now: number): LentCredential {
  const data = answer["authorizationData"];
  const entry: unknown = Array.isArray(data) ? data[0] : data;
  const token = isRecord(entry) ? entry["authorizationToken"] : undefined;
  const text = typeof token === "string" ? Buffer.from(token, "base64").toString("utf8") : "";
  const colon = text.indexOf(":");
  if (colon < 1 || colon === text.length - 1) {
    throw new LadingError("ERR_LADING_UNAUTHORIZED", "the token server's answer has no authorizationToken");
  }
  const seconds = isRecord(entry) ? Number(entry["expiresAt"]) : Number.NaN;
  return {
    username: text.slice(0, colon),
    password: text.slice(colon + 1),
    endsAt: seconds > 0 ? seconds * 1000 : now + unknownLifeMs,
  };
}
