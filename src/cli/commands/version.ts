import packageJson from "../../../package.json" with { type: "json" };
import type { Outcome } from "../command.ts";

export async function run(): Promise<Outcome> {
  const data = {
    lading: packageJson.version,
    node: process.version,
    platform: `${process.platform}/${process.arch}`,
  };
  return {
    data,
    text: `lading version ${data.lading}`,
    imgpkg: [{ kind: "block", text: `imgpkg version ${data.lading}\n` }],
  };
}
