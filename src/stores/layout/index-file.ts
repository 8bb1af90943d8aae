import { rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import { collect } from "../../bytes/collect.ts";
import { LadingError } from "../../errors.ts";
import {
  formatLayoutIndex,
  type LayoutEntry,
  type LayoutIndex,
  parseLayoutIndex,
} from "../../spec/layout-files.ts";
import { limits } from "../../spec/limits.ts";
import { openRegularFile, readRange } from "../file-body.ts";
import { withLock } from "../lock-file.ts";
import { temporaryName } from "../process-identity.ts";
import { storeError } from "../store-error.ts";
import { syncFolder } from "../sync-folder.ts";
import { writeNewFile } from "./new-file.ts";

type Entries = readonly LayoutEntry[];

/** Makes new entries out of the current ones; the same list back means that nothing changed. */
export type Change<T> = (entries: Entries) => Promise<{ readonly entries: Entries; readonly value: T }>;

interface Waiting {
  readonly change: Change<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * `index.json`: read again when it has changed; written under a lock between processes, through a temporary file, whole.
 * Changes that arrive while one is being written go into the next write together: many tags cost few syncs.
 */
export class IndexFile {
  readonly #folder: string;
  readonly #path: string;
  readonly #lockPath: string;
  readonly #label: string;
  readonly #lockWaitMs: number | undefined;
  #cached: { readonly index: LayoutIndex; readonly bytes: Uint8Array } | undefined;
  #waiting: Waiting[] = [];
  #writing = false;

  constructor(folder: string, label: string, lockWaitMs?: number) {
    this.#folder = folder;
    this.#path = join(folder, "index.json");
    this.#lockPath = join(folder, "index.json.lock");
    this.#label = label;
    this.#lockWaitMs = lockWaitMs;
  }

  /**
   * The entries as they are now. The same list as before when the file has not changed.
   * @throws LadingError ERR_LADING_DOCUMENT, ERR_LADING_LIMIT, ERR_LADING_NOT_FOUND, ERR_LADING_STORE
   */
  async entries(): Promise<Entries> {
    return (await this.#load()).entries;
  }

  /** Compared by bytes, not by time or inode: those can be the same for two writes in a row, and the file is small. */
  async #load(): Promise<LayoutIndex> {
    const { handle, size } = await openRegularFile(this.#path, this.#label);
    if (size > limits.layoutIndexBytes) {
      await handle.close();
      throw new LadingError(
        "ERR_LADING_LIMIT",
        `index.json has ${size} bytes; at most ${limits.layoutIndexBytes} are read`,
        { place: this.#label },
      );
    }
    const stream = readRange(handle, { start: 0, end: size, close: true, place: this.#label });
    const bytes = await collect(stream, limits.layoutIndexBytes, "index.json");
    if (this.#cached !== undefined && bytes.equals(this.#cached.bytes)) return this.#cached.index;
    const index = parse(bytes, this.#label);
    this.#cached = { index, bytes };
    return index;
  }

  /** Changes the entries. Fails alone: changes that happen to be written with it are not touched by its failure. */
  update<T>(change: Change<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ change, resolve: resolve as (value: unknown) => void, reject });
      if (!this.#writing) void this.#writeAll();
    });
  }

  /** Holds off all changes, of other processes too. */
  async locked<T>(body: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const wait = this.#lockWaitMs === undefined ? {} : { waitMs: this.#lockWaitMs };
    const options = { place: this.#label, ...wait, ...(signal === undefined ? {} : { signal }) };
    return withLock(this.#lockPath, options, body);
  }

  /** For who holds the lock: changes the entries at once. */
  async updateLocked<T>(change: Change<T>): Promise<T> {
    const index = await this.#load();
    const { entries, value } = await change(index.entries);
    if (entries !== index.entries) await this.#store({ entries, json: index.json });
    return value;
  }

  async #writeAll(): Promise<void> {
    this.#writing = true;
    try {
      while (this.#waiting.length > 0) await this.#writeSome();
    } finally {
      this.#writing = false;
    }
  }

  async #writeSome(): Promise<void> {
    let batch: Waiting[] = [];
    try {
      const done = await this.locked(async () => {
        batch = this.#waiting;
        this.#waiting = [];
        const results: (() => void)[] = [];
        await this.updateLocked(async (entries) => {
          let current = entries;
          for (const { change, resolve, reject } of batch) {
            try {
              const { entries: next, value } = await change(current);
              current = next;
              results.push(() => resolve(value));
            } catch (error) {
              reject(error);
            }
          }
          return { entries: current, value: undefined };
        });
        return results;
      });
      for (const settle of done) settle();
    } catch (error) {
      if (batch.length === 0) {
        batch = this.#waiting;
        this.#waiting = [];
      }
      for (const { reject } of batch) reject(error);
    }
  }

  async #store(index: LayoutIndex): Promise<void> {
    const bytes = formatLayoutIndex({ json: index.json, entries: index.entries.map(({ json }) => json) });
    const temporary = join(this.#folder, temporaryName());
    try {
      await writeNewFile(temporary, bytes);
      await rename(temporary, this.#path);
      await syncFolder(this.#folder);
    } catch (error) {
      await unlink(temporary).catch(() => {});
      throw storeError(error, this.#label, `cannot write ${this.#path}`);
    }
    this.#cached = { index, bytes };
  }
}

function parse(bytes: Uint8Array, label: string): LayoutIndex {
  try {
    return parseLayoutIndex(bytes);
  } catch (error) {
    if (!(error instanceof LadingError)) throw error;
    throw new LadingError(error.code, error.message, {
      place: label,
      cause: error,
      hint: "the layout is damaged; write it again with the tool that made it",
    });
  }
}
