import type { Client } from "./client.ts";

/** One thing that a registry must do right. */
export interface Check {
  /** Unique; sorted under its end-point in reports. */
  readonly name: string;
  /** The part of the API that it is about. */
  readonly api: "ping" | "blobs" | "uploads" | "mount" | "manifests" | "tags" | "referrers" | "data";
  /** Part of the main branch of distribution-spec, not of 1.1. */
  readonly dev?: boolean;
  run(client: Client): Promise<void>;
}

export interface Result {
  readonly name: string;
  readonly api: Check["api"];
  readonly dev: boolean;
  readonly status: "pass" | "fail";
  readonly message?: string;
}
