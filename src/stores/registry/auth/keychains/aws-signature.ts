import { createHash, createHmac } from "node:crypto";
import type { AwsAccount } from "./aws-account.ts";

export interface AwsRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly region: string;
  readonly service: string;
}

/**
 * The headers of a signed POST without query (AWS Signature Version 4).
 * @param now ms since the epoch
 */
export function signAws(
  request: AwsRequest,
  account: AwsAccount,
  now: number,
): Readonly<Record<string, string>> {
  const time = new Date(now).toISOString().replace(/[-:]|\.\d{3}/g, "");
  const date = time.slice(0, 8);
  const headers: Record<string, string> = {
    ...request.headers,
    "x-amz-date": time,
    ...(account.sessionToken === undefined ? {} : { "x-amz-security-token": account.sessionToken }),
  };
  const signed = { ...headers, host: request.url.host };
  const names = Object.keys(signed).sort();
  const list = names.join(";");
  const canonical = [
    "POST",
    request.url.pathname,
    "",
    ...names.map((name) => `${name}:${signed[name as keyof typeof signed]}`),
    "",
    list,
    sha256(request.body),
  ].join("\n");
  const scope = `${date}/${request.region}/${request.service}/aws4_request`;
  const text = ["AWS4-HMAC-SHA256", time, scope, sha256(canonical)].join("\n");
  const key = [date, request.region, request.service, "aws4_request"].reduce<Buffer>(
    (previous, part) => hmac(previous, part),
    Buffer.from(`AWS4${account.secret}`),
  );
  const signature = hmac(key, text).toString("hex");
  return {
    ...headers,
    authorization: `AWS4-HMAC-SHA256 Credential=${account.keyId}/${scope}, SignedHeaders=${list}, Signature=${signature}`,
  };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
