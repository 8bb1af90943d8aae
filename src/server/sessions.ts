import type { Algorithm } from "../spec/digest.ts";
import type { Upload } from "../stores/store.ts";
import { Fault } from "./errors.ts";
import type { ServerLimits } from "./options.ts";
import type { Repository } from "./repositories/repository.ts";

/** An upload between requests. */
export interface Session {
  readonly repository: Repository;
  readonly upload: Upload;
}

interface Entry extends Session {
  lastUsed: number;
  /** The request that holds the upload now. */
  holder: { readonly abort: AbortController; readonly done: Promise<unknown> } | undefined;
}

/** The uploads of this process: one request at a time each, bounded, and dropped when nobody goes on with them. */
export class Sessions {
  readonly #entries = new Map<string, Entry>();
  readonly #perRepository = new Map<string, number>();
  readonly #limits: ServerLimits;

  constructor(limits: ServerLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** @throws Fault TOOMANYREQUESTS when the repository has as many as it may */
  async start(repository: Repository, algorithm: Algorithm | undefined): Promise<Session> {
    const count = this.#perRepository.get(repository.name) ?? 0;
    if (count >= this.#limits.uploadsPerRepository) {
      throw new Fault(429, "TOOMANYREQUESTS", "too many uploads of this repository are under way", {
        headers: { "retry-after": "30" },
      });
    }
    this.#perRepository.set(repository.name, count + 1);
    try {
      const upload = await repository.store.startUpload(algorithm === undefined ? {} : { algorithm });
      return this.#add(repository, upload);
    } catch (error) {
      this.#release(repository.name);
      throw error;
    }
  }

  /** A session of this process, or one that a process before it left behind. */
  async find(repository: Repository, id: string): Promise<Session | undefined> {
    const known = this.#entries.get(key(repository, id));
    if (known !== undefined) return known;
    if (!/^[A-Za-z0-9_-]{1,128}$/.test(id)) return undefined;
    const upload = await repository.store.resumeUpload(id);
    if (upload === undefined) return undefined;
    // Another request may have found it meanwhile: there must be one object per upload.
    const raced = this.#entries.get(key(repository, id));
    if (raced !== undefined) return raced;
    this.#perRepository.set(repository.name, (this.#perRepository.get(repository.name) ?? 0) + 1);
    return this.#add(repository, upload);
  }

  #add(repository: Repository, upload: Upload): Entry {
    const entry: Entry = { repository, upload, lastUsed: Date.now(), holder: undefined };
    this.#entries.set(key(repository, upload.id), entry);
    return entry;
  }

  /**
   * Runs alone with the upload. A request that holds it already is stopped: only one client knows the session, and when it
   * asks anew, its old connection is dead whether the kernel knows or not.
   */
  async hold<T>(session: Session, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const entry = session as Entry;
    while (entry.holder !== undefined) {
      entry.holder.abort.abort();
      await entry.holder.done;
    }
    if (this.#entries.get(key(entry.repository, entry.upload.id)) !== entry) throw unknownUpload();
    const abort = new AbortController();
    let finished = () => {};
    const done = new Promise<void>((resolve) => {
      finished = resolve;
    });
    entry.holder = { abort, done };
    try {
      return await run(abort.signal);
    } finally {
      entry.lastUsed = Date.now();
      entry.holder = undefined;
      finished();
    }
  }

  /** Forgets a session whose upload has ended. */
  end(session: Session): void {
    const removed = this.#entries.delete(key(session.repository, session.upload.id));
    if (removed) this.#release(session.repository.name);
  }

  /** Drops sessions that were idle too long. Resolves to how many. */
  async expire(now = Date.now()): Promise<number> {
    let count = 0;
    for (const entry of [...this.#entries.values()]) {
      if (entry.holder !== undefined || now - entry.lastUsed < this.#limits.uploadExpiryMs) continue;
      this.end(entry);
      await entry.upload.discard();
      count++;
    }
    return count;
  }

  #release(name: string): void {
    const count = (this.#perRepository.get(name) ?? 1) - 1;
    if (count > 0) this.#perRepository.set(name, count);
    else this.#perRepository.delete(name);
  }
}

function key(repository: Repository, id: string): string {
  return `${repository.name} ${id}`;
}

export function unknownUpload(): Fault {
  return new Fault(404, "BLOB_UPLOAD_UNKNOWN", "there is no such upload; it has ended or expired");
}
