import type { ImgpkgPart } from "./parts.ts";

/** A line of imgpkg's about a copy. */
export function copyLine(text: string): ImgpkgPart {
  return { kind: "line", text: `copy | ${text}` };
}
