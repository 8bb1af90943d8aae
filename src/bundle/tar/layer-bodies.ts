import type { Body } from "../../bytes/body.ts";
import { DigestMismatchError, SizeMismatchError } from "../../errors.ts";
import { nodeBody } from "../../stores/read.ts";
import type { BundleTar } from "./open.ts";
import type { TarBlob } from "./prepare.ts";

/** A place to take a layer from. */
export interface LayerBody {
  readonly body: Body;
  /** It is the tar that the new one replaces. */
  readonly reused: boolean;
}

/** Where a layer can be taken from, the nearest first. There is at least one. */
export function layerBodies(
  { descriptor, sources }: TarBlob,
  previous: BundleTar | undefined,
): readonly LayerBody[] {
  const node = { kind: "blob", descriptor } as const;
  const reused = previous?.hasLayer(descriptor) === true ? [{ body: previous.body(node), reused: true }] : [];
  return [...reused, ...sources.map((source) => ({ body: nodeBody(source, node), reused: false }))];
}

/** Whether the bytes themselves are wrong, and not only too few of them came. */
export function areWrong(error: unknown): boolean {
  if (error instanceof SizeMismatchError) return error.actual > error.expected;
  return error instanceof DigestMismatchError;
}
