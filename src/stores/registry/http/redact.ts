/** Query keys whose values are part of the protocol and no secret. */
const shownKeys: ReadonlySet<string> = new Set([
  "scope",
  "service",
  "mount",
  "from",
  "digest",
  "digest-algorithm",
  "n",
  "last",
  "tag",
  "artifactType",
]);

/** A URL for people: no user, no fragment, no query value that might sign or authorise something. */
export function redactUrl(url: URL): string {
  const shown = new URL(url);
  shown.username = "";
  shown.password = "";
  shown.hash = "";
  const query = [...url.searchParams].map(
    ([key, value]) =>
      `${encodeURIComponent(key)}=${shownKeys.has(key) ? encodeURIComponent(value).replaceAll("%3A", ":").replaceAll("%2F", "/") : "REDACTED"}`,
  );
  shown.search = "";
  return query.length === 0 ? shown.href : `${shown.href}?${query.join("&")}`;
}

/** Shorter strings would blank out half of every message. */
const shortestSecret = 4;
const mostSecrets = 500;

/** Takes secrets that were used out of everything that people or logs see, also when the other side echoes them. */
export interface Redactor {
  add(secret: string | undefined): void;
  text(text: string): string;
  url(url: URL): string;
}

export function createRedactor(): Redactor {
  const secrets = new Set<string>();
  const text = (input: string): string => {
    let output = input;
    for (const secret of secrets) {
      if (output.includes(secret)) output = output.replaceAll(secret, "REDACTED");
    }
    return output;
  };
  const addForm = (form: string): void => {
    if (form.length < shortestSecret) return;
    // Used again: the newest stay longest.
    secrets.delete(form);
    secrets.add(form);
    if (secrets.size > mostSecrets) {
      const [oldest] = secrets;
      if (oldest !== undefined) secrets.delete(oldest);
    }
  };
  return {
    add: (secret) => {
      if (secret === undefined) return;
      for (const form of new Set([
        secret,
        encodeURIComponent(secret),
        JSON.stringify(secret).slice(1, -1),
        Buffer.from(secret).toString("base64"),
      ])) {
        addForm(form);
      }
    },
    text,
    url: (url) => text(redactUrl(url)),
  };
}
