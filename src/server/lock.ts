/** Many readers or one writer, first come, first served. Held only while small things are decided, never while a body streams. */
export class ReadWriteLock {
  #readers = 0;
  #writing = false;
  readonly #waiting: { readonly exclusive: boolean; readonly go: () => void }[] = [];

  /** Runs beside other shared holders. */
  shared<T>(run: () => Promise<T>): Promise<T> {
    return this.#hold(false, run);
  }

  /** Runs alone. */
  exclusive<T>(run: () => Promise<T>): Promise<T> {
    return this.#hold(true, run);
  }

  async #hold<T>(exclusive: boolean, run: () => Promise<T>): Promise<T> {
    if (this.#waiting.length > 0 || !this.#enter(exclusive)) {
      await new Promise<void>((go) => void this.#waiting.push({ exclusive, go }));
    }
    try {
      return await run();
    } finally {
      if (exclusive) this.#writing = false;
      else this.#readers--;
      this.#wake();
    }
  }

  #enter(exclusive: boolean): boolean {
    if (this.#writing || (exclusive && this.#readers > 0)) return false;
    if (exclusive) this.#writing = true;
    else this.#readers++;
    return true;
  }

  #wake(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (!this.#enter(next.exclusive)) return;
      this.#waiting.shift();
      next.go();
    }
  }
}
