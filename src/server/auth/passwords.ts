import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { LadingError } from "../../errors.ts";
import { isBcryptHash, maxCost, verifyBcrypt } from "./bcrypt.ts";

/** Knows who users are. */
export interface Passwords {
  /** Takes as long for an unknown user as for a wrong password. */
  verify(user: string, password: string): Promise<boolean>;
}

/** A hash that no password matches, for users that are not there; its cost is htpasswd's usual one. */
const nobody = `$2y$05$${".".repeat(53)}`;

/** How long the outcome of a check is remembered, in milliseconds: clients show their password with every request. */
const rememberedMs = 5 * 60_000;
const rememberedEntries = 10_000;

/**
 * Users of a file in htpasswd's form with bcrypt hashes (`htpasswd -B`).
 * @throws LadingError ERR_LADING_DOCUMENT when a line is malformed, or its hash is another than bcrypt
 */
export function htpasswd(text: string): Passwords {
  return remembering(parseHtpasswd(text));
}

/**
 * The same, read again when the file changes. While the new content is malformed the old one stays.
 * @throws LadingError ERR_LADING_DOCUMENT; errors of the file system
 */
export async function htpasswdFile(path: string): Promise<Passwords> {
  let stamp = await stampOf(path);
  let current = htpasswd(await readFile(path, "utf8"));
  let checked = Date.now();
  return {
    verify: async (user, password) => {
      if (Date.now() - checked > 1000) {
        checked = Date.now();
        try {
          const now = await stampOf(path);
          if (now !== stamp) {
            current = htpasswd(await readFile(path, "utf8"));
            stamp = now;
          }
        } catch {
          // An editor is at work, or the file is gone: who was let in stays in.
        }
      }
      return current.verify(user, password);
    },
  };
}

async function stampOf(path: string): Promise<string> {
  const { mtimeMs, size, ino } = await stat(path);
  return `${mtimeMs} ${size} ${ino}`;
}

/** Users with their passwords as they are: for tests, and for one user from a flag. */
export function plainPasswords(users: Readonly<Record<string, string>>): Passwords {
  const key = randomBytes(32);
  const mac = (text: string) => createHmac("sha256", key).update(text).digest();
  const hashes = new Map(Object.entries(users).map(([user, password]) => [user, mac(password)]));
  const absent = randomBytes(32);
  return {
    verify: async (user, password) => timingSafeEqual(mac(password), hashes.get(user) ?? absent),
  };
}

function parseHtpasswd(text: string): ReadonlyMap<string, string> {
  const users = new Map<string, string>();
  text.split(/\r?\n/).forEach((line, i) => {
    if (line.trim() === "" || line.startsWith("#")) return;
    const colon = line.indexOf(":");
    const hash = line.slice(colon + 1).trim();
    if (colon <= 0 || !isBcryptHash(hash)) {
      throw new LadingError(
        "ERR_LADING_DOCUMENT",
        `line ${i + 1} of the password file is not a user with a bcrypt hash of cost 4 to ${maxCost}`,
        { hint: "write it with: htpasswd -B <file> <user>" },
      );
    }
    users.set(line.slice(0, colon), hash);
  });
  return users;
}

/** Keeps outcomes under a keyed hash: neither passwords nor anything to guess them by stay in memory. */
function remembering(users: ReadonlyMap<string, string>): Passwords {
  const key = randomBytes(32);
  const outcomes = new Map<string, { readonly until: number; readonly good: Promise<boolean> }>();
  return {
    verify: (user, password) => {
      const id = createHmac("sha256", key)
        .update(`${Buffer.byteLength(user)}:${user}:${password}`)
        .digest("base64");
      const now = Date.now();
      const known = outcomes.get(id);
      if (known !== undefined && known.until > now) return known.good;
      outcomes.delete(id);
      if (outcomes.size >= rememberedEntries) {
        for (const oldest of outcomes.keys()) {
          outcomes.delete(oldest);
          break;
        }
      }
      const good = verifyBcrypt(password, users.get(user) ?? nobody).then((same) => same && users.has(user));
      outcomes.set(id, { until: now + rememberedMs, good });
      return good;
    },
  };
}
