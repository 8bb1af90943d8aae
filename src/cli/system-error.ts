import { messageOf } from "../errors.ts";

/** `no such file or directory` of `ENOENT: no such file or directory, open 'x'`: the same words that Go has for it. */
export function systemReason(error: unknown): string {
  const message = messageOf(error);
  return /^[A-Z0-9]+: ([^,]*)/.exec(message)?.[1] ?? message;
}
