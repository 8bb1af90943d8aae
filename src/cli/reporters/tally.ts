import type { LadingEvent } from "../../events.ts";
import type { Descriptor } from "../../spec/descriptor.ts";

/** One blob or manifest on its way. */
export interface Transfer {
  readonly descriptor: Descriptor;
  readonly to: string;
  /** Bytes done, of `descriptor.size`. */
  done: number;
  /** Where this attempt began: bytes before it were moved by an earlier run. */
  readonly startedAt: number;
}

/** Adds up events: what is under way, and how far the whole is. */
export class Tally {
  readonly active = new Map<string, Transfer>();
  /** Bytes that have to move in all, as far as that is known. */
  totalBytes = 0;
  /** Bytes of transfers that have ended. */
  endedBytes = 0;
  /** Files packed or unpacked. */
  files = 0;
  fileBytes = 0;

  add(event: LadingEvent, now: number): void {
    switch (event.type) {
      case "planned":
        this.totalBytes += event.bytes - event.presentBytes;
        break;
      case "started":
        this.active.set(keyOf(event), {
          descriptor: event.descriptor,
          to: event.to,
          done: event.offset,
          startedAt: now,
        });
        break;
      case "progress": {
        const transfer = this.active.get(keyOf(event));
        if (transfer) transfer.done += event.bytes;
        break;
      }
      case "restarted": {
        const transfer = this.active.get(keyOf(event));
        if (transfer) transfer.done = event.offset;
        break;
      }
      case "finished":
        this.active.delete(keyOf(event));
        if (event.how !== "present") this.endedBytes += event.descriptor.size;
        break;
      case "file":
        this.files++;
        this.fileBytes += event.bytes;
        break;
    }
  }

  get doneBytes(): number {
    let done = this.endedBytes;
    for (const transfer of this.active.values()) done += transfer.done;
    return done;
  }

  /** What the whole is, at least: a plan may not have been announced. */
  get expectedBytes(): number {
    return Math.max(this.totalBytes, this.doneBytes);
  }
}

function keyOf(event: { readonly descriptor: Descriptor; readonly to: string }): string {
  return `${event.descriptor.digest} ${event.to}`;
}

/** `layer 1a2b3c4d5e6f`: enough to tell one from another. */
export function shortName({ mediaType, digest }: Descriptor): string {
  const kind = /config|container\.image/.test(mediaType)
    ? "config"
    : /index|manifest\.list/.test(mediaType)
      ? "index"
      : /manifest/.test(mediaType)
        ? "manifest"
        : /layer|rootfs/.test(mediaType)
          ? "layer"
          : "blob";
  return `${kind} ${digest.slice(digest.indexOf(":") + 1).slice(0, 12)}`;
}
