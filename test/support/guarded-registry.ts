import type { TestContext } from "node:test";
import { htpasswd } from "../../src/server/auth/passwords.ts";
import { startDockerRegistry } from "./docker-registry.ts";
import { startRegistry } from "./registry.ts";

/** A registry that nobody may even read from without its own user. */
export interface GuardedRegistry {
  /** `127.0.0.1:port`. */
  readonly host: string;
  readonly user: string;
  readonly password: string;
  /** It goes away for good. */
  stop(): Promise<void>;
}

export const registryKinds = ["docker-registry", "our registry"] as const;
export type RegistryKind = (typeof registryKinds)[number];

/** Made with `htpasswd -B -C 5`: cheap on purpose. */
const users = [
  {
    user: "harbourmaster",
    password: "first secret",
    line: "harbourmaster:$2y$05$9XyfzuKmU2xgCVPHwkK/N.pWeEsfg7sl4AxWFtNfA5.WqMb0rohUK",
  },
  {
    user: "quartermaster",
    password: "second secret",
    line: "quartermaster:$2y$05$eaHL9GybXZIeDsRKg/tCSeLk5G8mDW92dvIovqjqQZfBXqRNmNp12",
  },
] as const;

/** Starts one of two guarded registries; each has another user. It ends with the test, if not before. */
export async function startGuardedRegistry(
  t: TestContext,
  kind: RegistryKind,
  which: 0 | 1,
): Promise<GuardedRegistry> {
  const { user, password, line } = users[which];
  let stop: () => Promise<void> = async () => {};
  const stopOnce = async (): Promise<void> => {
    const first = stop;
    stop = async () => {};
    await first();
  };
  t.after(stopOnce);
  if (kind === "docker-registry") {
    const life = {
      after: (ended: () => Promise<void>) => {
        stop = ended;
      },
    };
    const { host } = await startDockerRegistry(life, { htpasswd: line });
    return { host, user, password, stop: stopOnce };
  }
  const { host, server } = await startRegistry(t, { passwords: htpasswd(line) });
  stop = () => server.close({ graceMs: 0 });
  return { host, user, password, stop: stopOnce };
}

/** The variables that tell lading and imgpkg the users of these registries, each for its own host. */
export function credentialsOf(...registries: readonly GuardedRegistry[]): Record<string, string> {
  return Object.fromEntries(
    registries.flatMap(({ host, user, password }, i) => [
      [`IMGPKG_REGISTRY_HOSTNAME_${i}`, host],
      [`IMGPKG_REGISTRY_USERNAME_${i}`, user],
      [`IMGPKG_REGISTRY_PASSWORD_${i}`, password],
    ]),
  );
}
