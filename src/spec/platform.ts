import { LadingError } from "../errors.ts";
import { quote } from "./digest.ts";
import { asStructure, optionalString, optionalStrings } from "./json.ts";
import { knownKeys } from "./json-structure.ts";

/** What an image runs on (image-spec, "Image Index", `platform`). */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly osVersion?: string;
  readonly osFeatures?: readonly string[];
}

export const platformKeys = ["architecture", "os", "os.version", "os.features", "variant"] as const;
const keys = knownKeys(...platformKeys);

/**
 * The platform that an object's fields tell. Undefined for null, and where system or architecture are left out or empty:
 * artifacts and some builders do that.
 * @throws LadingError ERR_LADING_DOCUMENT
 */
export function readPlatform(value: unknown, at: string): Platform | undefined {
  if (value === undefined || value === null) return undefined;
  const object = asStructure(value, keys, at);
  const os = optionalString(object, "os", at);
  const architecture = optionalString(object, "architecture", at);
  const variant = optionalString(object, "variant", at);
  const osVersion = optionalString(object, "os.version", at);
  const osFeatures = optionalStrings(object, "os.features", at);
  if (!os || !architecture) return undefined;
  return {
    ...{ os, architecture },
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

const aliases: ReadonlyMap<string, { readonly architecture: string; readonly variant?: string }> = new Map([
  ["x86_64", { architecture: "amd64" }],
  ["x86-64", { architecture: "amd64" }],
  ["i386", { architecture: "386" }],
  ["aarch64", { architecture: "arm64" }],
  ["armhf", { architecture: "arm", variant: "v7" }],
  ["armel", { architecture: "arm", variant: "v6" }],
]);

/** What each of these means when it names no variant. */
const plainVariants: ReadonlyMap<string, string> = new Map([
  ["amd64", "v1"],
  ["arm64", "v8"],
  ["arm", "v7"],
]);

/**
 * The same platform in the names that Go uses, as containerd normalises: `arm` becomes `arm/v7`, and the variants that
 * mean nothing go (`arm64/v8`, `amd64/v1`).
 */
export function normalizePlatform(platform: Platform): Platform {
  const os = platform.os.toLowerCase() === "macos" ? "darwin" : platform.os.toLowerCase();
  const named = platform.architecture.toLowerCase();
  const alias = aliases.get(named);
  const architecture = alias?.architecture ?? named;
  const plain = plainVariants.get(architecture);
  let variant = alias?.variant ?? (platform.variant?.toLowerCase() || plain);
  if (variant !== undefined && /^\d/.test(variant)) variant = `v${variant}`;
  if (plain !== undefined) variant = variant?.replace(/^(v\d+)\.0$/, "$1");
  if (variant === plain && architecture !== "arm") variant = undefined;
  const { variant: _, ...rest } = platform;
  return { ...rest, os, architecture, ...(variant === undefined ? {} : { variant }) };
}

const part = "[A-Za-z0-9_.-]{1,128}";
const grammar = new RegExp(`^(${part})(?:\\((${part})\\))?/(${part})(?:/(${part}))?$`);

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

/** Worse than any difference of variants. */
const featurePenalty = 1e6;
/** Worse than nothing but not being there: another revision of the same Windows build. */
const revisionPenalty = 1;

/**
 * How well an image for `offered` runs where `wanted` is asked for: 0 is the same, more is worse, undefined not at all.
 * As containerd matches, a machine also runs the lower variants of its architecture (arm/v7 runs v6, amd64/v3 runs v2
 * and plain amd64), and a Windows version matches by its build. Other than containerd, no other architecture stands in
 * (386 for amd64), and features that were not asked for make an image a worse match but not an impossible one.
 */
export function platformDistance(wanted: Platform, offered: Platform): number | undefined {
  const a = normalizePlatform(wanted);
  const b = normalizePlatform(offered);
  if (a.os !== b.os || a.architecture !== b.architecture) return undefined;
  const version = versionDistance(a, b);
  const variant = variantDistance(a, b);
  if (version === undefined || variant === undefined) return undefined;
  return version + 2 * variant + featurePenalty * featureDifference(a.osFeatures, b.osFeatures);
}

function versionDistance(
  { os, osVersion: wanted }: Platform,
  { osVersion: offered }: Platform,
): number | undefined {
  if (wanted === undefined || offered === undefined || wanted === offered) return 0;
  // Windows runs images of its own build (10.0.17763), whatever their revision (the fourth number).
  const build = (version: string) => version.split(".", 3).join(".");
  const fits = offered.startsWith(`${wanted}.`) || (os === "windows" && build(offered) === build(wanted));
  return fits ? revisionPenalty : undefined;
}

function variantDistance(wanted: Platform, offered: Platform): number | undefined {
  if (wanted.variant === offered.variant) return 0;
  const gap = levelOf(wanted) - levelOf(offered);
  return gap > 0 ? gap : undefined;
}

/** Variants like v7 and v8.2 as numbers that grow with what they can do; NaN for others, which only match themselves. */
function levelOf({ architecture, variant }: Platform): number {
  const plain = plainVariants.get(architecture);
  const [, major, minor = "0"] = /^v(\d{1,3})(?:\.(\d{1,3}))?$/.exec(variant ?? plain ?? "") ?? [];
  return plain === undefined || major === undefined ? Number.NaN : Number(major) * 1000 + Number(minor);
}

function featureDifference(wanted: readonly string[] = [], offered: readonly string[] = []): number {
  const both = wanted.filter((feature) => offered.includes(feature)).length;
  return wanted.length + offered.length - 2 * both;
}
