/** When to try again. Pure: the caller brings the clock and the dice. */
export interface RetryPolicy {
  /** Attempts in all, the first one included. */
  readonly attempts: number;
  /** Milliseconds; the first delay is at most this. */
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
  /** A `Retry-After` beyond this is not waited for. */
  readonly maxRetryAfterMs: number;
}

export const defaultRetryPolicy: RetryPolicy = {
  attempts: 5,
  minDelayMs: 250,
  maxDelayMs: 30_000,
  maxRetryAfterMs: 300_000,
};

/** Exponential with full jitter: anywhere between nothing and the doubled bound. @param attempt 1 after the first failure */
export function backoff(attempt: number, random: number, policy: RetryPolicy): number {
  const bound = Math.min(policy.maxDelayMs, policy.minDelayMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(bound * random);
}

/** IMF-fixdate, the only form that RFC 9110 lets senders write. */
const httpDate =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT$/;

/** Milliseconds to wait from `Retry-After` (RFC 9110 §10.2.3): seconds or an HTTP date. @param now ms since the epoch */
export function parseRetryAfter(value: string | undefined, now: number): number | undefined {
  const text = value?.trim();
  if (text === undefined) return undefined;
  if (/^[0-9]{1,9}$/.test(text)) return Number(text) * 1000;
  if (!httpDate.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

/** Statuses of servers and proxies that mean "not now". 499 and 520–524 are what NGINX and Cloudflare make up. */
const retryableStatuses: ReadonlySet<number> = new Set([
  408, 429, 499, 500, 502, 503, 504, 520, 521, 522, 523, 524,
]);

export function isRetryableStatus(status: number): boolean {
  return retryableStatuses.has(status);
}
