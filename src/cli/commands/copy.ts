import { LadingError } from "../../errors.ts";
import { parsePlatform } from "../../spec/platform.ts";
import type { Context, OptionsOf, Outcome } from "../command.ts";
import { copyOutcome, type NamedRequest } from "../copy-outcome.ts";
import { Places, type SinkPlace, type SourcePlace } from "../places.ts";
import type { copySpec } from "../tree/copy.ts";

type Options = OptionsOf<typeof copySpec>;

export async function run(options: Options, context: Context): Promise<Outcome> {
  checkEnds(options);
  await using places = new Places(options, context);
  const sources =
    options.tar === undefined
      ? [await places.source(options.image ?? "")]
      : await places.archive(options.tar);
  const to =
    options.toRepo === undefined
      ? await places.sink(archivePlace(options.toTar ?? ""), options)
      : await places.repository(options.toRepo);
  const platforms = options.platform.map(parsePlatform);
  const requests = sources.map((source) => requestOf(source, to, { ...options, platforms }));
  return await copyOutcome(requests, { plan: options.plan, verb: "Copied" }, context);
}

/** What `--to-tar` writes. */
function archivePlace(file: string): string {
  return `oci-archive:${file}`;
}

/** Exactly one source and one destination, and not from archive to archive. */
function checkEnds({ image, tar, toRepo, toTar }: Options): void {
  if ((image === undefined) === (tar === undefined)) {
    throw usage("exactly one of --image (-i) and --tar says what to copy");
  }
  if ((toRepo === undefined) === (toTar === undefined)) {
    throw usage("exactly one of --to-repo and --to-tar says where to copy to");
  }
  if (tar !== undefined && toTar !== undefined) {
    throw new LadingError("ERR_LADING_USAGE", "--tar cannot be copied with --to-tar", {
      hint: "to change an archive use lading image copy",
    });
  }
}

function usage(message: string): LadingError {
  return new LadingError("ERR_LADING_USAGE", message, { hint: "see lading copy --help" });
}

export interface RequestOptions {
  readonly platforms: ReturnType<typeof parsePlatform>[];
  readonly referrers: boolean;
}

/** A destination that names none takes over the source's name. */
export function requestOf(
  from: SourcePlace,
  to: SinkPlace,
  { platforms, referrers }: RequestOptions,
): NamedRequest {
  const tag = to.tag ?? to.tagFor(from);
  return {
    from: from.source,
    reference: from.reference,
    fromName: from.name,
    to: to.sink,
    place: to,
    tags: tag === undefined ? [] : [tag],
    platforms,
    referrers,
  };
}
