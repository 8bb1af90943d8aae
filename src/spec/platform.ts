import { LadingError } from "../errors.ts";
import { quote } from "./digest.ts";
import { asObject, optionalString, optionalStrings, stringField } from "./json.ts";

/** What an image runs on (image-spec, "Image Index", `platform`). */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly osVersion?: string;
  readonly osFeatures?: readonly string[];
}

/** @throws LadingError ERR_LADING_DOCUMENT */
export function readPlatform(value: unknown, at: string): Platform {
  const object = asObject(value, at);
  const variant = optionalString(object, "variant", at);
  const osVersion = optionalString(object, "os.version", at);
  const osFeatures = optionalStrings(object, "os.features", at);
  return {
    os: stringField(object, "os", at),
    architecture: stringField(object, "architecture", at),
    ...(variant ? { variant } : {}),
    ...(osVersion ? { osVersion } : {}),
    ...(osFeatures ? { osFeatures } : {}),
  };
}

/** The JSON form of a platform, for documents that Lading writes. */
export function platformToJson(platform: Platform): Record<string, unknown> {
  return {
    architecture: platform.architecture,
    os: platform.os,
    ...(platform.osVersion === undefined ? {} : { "os.version": platform.osVersion }),
    ...(platform.osFeatures === undefined ? {} : { "os.features": platform.osFeatures }),
    ...(platform.variant === undefined ? {} : { variant: platform.variant }),
  };
}

const aliases: Readonly<Record<string, { architecture: string; variant?: string }>> = {
  x86_64: { architecture: "amd64" },
  "x86-64": { architecture: "amd64" },
  i386: { architecture: "386" },
  aarch64: { architecture: "arm64" },
  armhf: { architecture: "arm", variant: "v7" },
  armel: { architecture: "arm", variant: "v6" },
};

/** The same platform in the names that Go uses, without variants that mean nothing (arm64/v8, amd64/v1; arm is v7). */
export function normalizePlatform(platform: Platform): Platform {
  const os = platform.os.toLowerCase() === "macos" ? "darwin" : platform.os.toLowerCase();
  const named = platform.architecture.toLowerCase();
  const alias = Object.hasOwn(aliases, named) ? aliases[named] : undefined;
  const architecture = alias?.architecture ?? named;
  let variant = platform.variant?.toLowerCase() || alias?.variant;
  if (variant !== undefined && /^\d/.test(variant)) variant = `v${variant}`;
  if ((architecture === "arm64" && variant === "v8") || (architecture === "amd64" && variant === "v1")) {
    variant = undefined;
  }
  if (architecture === "arm" && variant === undefined) variant = "v7";
  const { variant: _, ...rest } = platform;
  return { ...rest, os, architecture, ...(variant === undefined ? {} : { variant }) };
}

const part = "[A-Za-z0-9_.-]+";
const grammar = new RegExp(`^(${part})(?:\\(([^()]+)\\))?/(${part})(?:/(${part}))?$`);

/**
 * Parses `os/architecture[/variant]`, also `os(version)/…` as containerd writes it.
 * @throws LadingError ERR_LADING_REFERENCE
 */
export function parsePlatform(text: string): Platform {
  const match = grammar.exec(text);
  const [, os, osVersion, architecture, variant] = match ?? [];
  if (os === undefined || architecture === undefined) {
    throw new LadingError("ERR_LADING_REFERENCE", `not a platform: ${quote(text)}`, {
      hint: "write os/architecture or os/architecture/variant, such as linux/amd64 or linux/arm/v7",
    });
  }
  return normalizePlatform({
    os,
    architecture,
    ...(variant === undefined ? {} : { variant }),
    ...(osVersion === undefined ? {} : { osVersion }),
  });
}

export function formatPlatform(platform: Platform): string {
  const version = platform.osVersion === undefined ? "" : `(${platform.osVersion})`;
  const variant = platform.variant === undefined ? "" : `/${platform.variant}`;
  return `${platform.os}${version}/${platform.architecture}${variant}`;
}

const armVariants = ["v8", "v7", "v6", "v5"];

/**
 * How well an image for `offered` runs where `wanted` is asked for: 0 is the same, more is worse, undefined not at all.
 * An arm machine runs lower variants too; a wanted `osVersion` matches by its prefix, as Windows builds do.
 */
export function platformDistance(wanted: Platform, offered: Platform): number | undefined {
  const a = normalizePlatform(wanted);
  const b = normalizePlatform(offered);
  if (a.os !== b.os || a.architecture !== b.architecture) return undefined;
  if (a.osVersion !== undefined && b.osVersion !== undefined) {
    if (b.osVersion !== a.osVersion && !b.osVersion.startsWith(`${a.osVersion}.`)) return undefined;
  }
  for (const feature of a.osFeatures ?? []) if (!b.osFeatures?.includes(feature)) return undefined;
  if (a.variant === b.variant) return 0;
  if (a.architecture === "arm") {
    const from = armVariants.indexOf(a.variant ?? "v7");
    const to = armVariants.indexOf(b.variant ?? "v7");
    return from >= 0 && to >= from ? to - from : undefined;
  }
  // amd64/v3 runs v2 and plain amd64; a plain wish does not run v3.
  const level = (variant: string | undefined) => Number(/^v(\d+)/.exec(variant ?? "v1")?.[1] ?? Number.NaN);
  const gap = level(a.variant) - level(b.variant);
  return gap > 0 ? gap : undefined;
}
