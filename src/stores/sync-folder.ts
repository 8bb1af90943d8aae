import { open } from "node:fs/promises";
import { systemCode } from "../errors.ts";

/** Makes new names in a folder last over a crash of the machine. */
export async function syncFolder(path: string): Promise<void> {
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    handle = await open(path, "r");
  } catch (error) {
    // Windows does not open folders; its file systems order names themselves.
    if (systemCode(error) === "EISDIR" || systemCode(error) === "EPERM") return;
    throw error;
  }
  try {
    await handle.sync();
  } catch (error) {
    // Some network file systems cannot.
    if (systemCode(error) !== "EINVAL") throw error;
  } finally {
    await handle.close();
  }
}

/** Syncs of one folder by many writers at once, put together: a sync that begins after a name was made covers it. */
export class FolderSync {
  readonly #path: string;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  sync(): Promise<void> {
    if (this.#running === undefined) return this.#start();
    this.#next ??= this.#running
      .catch(() => {})
      .then(() => {
        this.#next = undefined;
        return this.#start();
      });
    return this.#next;
  }

  #start(): Promise<void> {
    const running = syncFolder(this.#path).finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }
}
