import { constants, openSync } from "node:fs";
import { open, stat } from "node:fs/promises";
import { Socket } from "node:net";
import { addAbortSignal } from "node:stream";
import { finished } from "node:stream/promises";
import { setTimeout as delay } from "node:timers/promises";
import { systemCode } from "../../errors.ts";
import { storeError } from "../../stores/store-error.ts";

/** Something that bytes can only be sent to: a named pipe, or a device. */
export interface Pipe {
  readonly path: string;
  /** @throws LadingError ERR_LADING_STORE; the signal's reason, also when nobody reads */
  send(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** How often it is looked whether somebody reads a pipe. Milliseconds. */
const lookEvery = 50;

/**
 * Opens a named pipe, when somebody reads it, or a device.
 * @throws LadingError ERR_LADING_STORE, ERR_LADING_NOT_FOUND; the signal's reason
 */
export async function openPipe(path: string, signal: AbortSignal | undefined): Promise<Pipe> {
  try {
    return (await stat(path)).isFIFO() ? await openFifo(path, signal) : await openDevice(path);
  } catch (error) {
    signal?.throwIfAborted();
    throw storeError(error, path, `cannot write ${path}`);
  }
}

/**
 * Waits for its reader, and for room in it, by events: a call that blocks in another thread would keep the whole process
 * from ending.
 */
async function openFifo(path: string, signal: AbortSignal | undefined): Promise<Pipe> {
  const socket = new Socket({ fd: await openWhenRead(path, signal), readable: false });
  // Who waits for a write is told of it there.
  socket.on("error", () => {});
  if (signal !== undefined) addAbortSignal(signal, socket);
  return {
    path,
    send: async (bytes) => {
      try {
        await new Promise<void>((resolve, reject) => {
          socket.write(bytes, (error) => (error ? reject(error) : resolve()));
        });
      } catch (error) {
        signal?.throwIfAborted();
        throw storeError(error, path, `cannot write ${path}`);
      }
    },
    close: async () => {
      if (socket.destroyed) return;
      socket.end();
      await finished(socket, { readable: false }).catch(() => {});
    },
  };
}

async function openWhenRead(path: string, signal: AbortSignal | undefined): Promise<number> {
  for (;;) {
    try {
      return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      if (systemCode(error) !== "ENXIO") throw error;
    }
    await delay(lookEvery, undefined, signal === undefined ? {} : { signal });
  }
}

async function openDevice(path: string): Promise<Pipe> {
  const handle = await open(path, constants.O_WRONLY);
  return {
    path,
    send: async (bytes) => {
      try {
        for (let at = 0; at < bytes.byteLength; ) {
          at += (await handle.write(bytes, at, bytes.byteLength - at, null)).bytesWritten;
        }
      } catch (error) {
        throw storeError(error, path, `cannot write ${path}`);
      }
    },
    close: () => handle.close(),
  };
}
