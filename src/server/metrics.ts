const bounds = [0.005, 0.025, 0.1, 0.5, 2.5, 10, 60] as const;

interface Series {
  count: number;
  seconds: number;
  readonly buckets: number[];
}

/** Counts what the registry does, in Prometheus' text format. Labels are end-points and statuses, never names of repositories. */
export class Metrics {
  readonly #requests = new Map<string, number>();
  readonly #durations = new Map<string, Series>();
  readonly #totals = new Map<string, number>();
  readonly #gauges = new Map<string, () => number>();

  request(endpoint: string, method: string, status: number, seconds: number): void {
    const key = `endpoint="${endpoint}",method="${method}",status="${status}"`;
    this.#requests.set(key, (this.#requests.get(key) ?? 0) + 1);
    const name = `endpoint="${endpoint}"`;
    let series = this.#durations.get(name);
    if (series === undefined) {
      series = { count: 0, seconds: 0, buckets: bounds.map(() => 0) };
      this.#durations.set(name, series);
    }
    series.count++;
    series.seconds += seconds;
    bounds.forEach((bound, i) => {
      if (seconds <= bound) series.buckets[i] = (series.buckets[i] ?? 0) + 1;
    });
  }

  /** Adds to the counter `lading_registry_<name>_total`. */
  add(name: CounterName, amount: number): void {
    this.#totals.set(name, (this.#totals.get(name) ?? 0) + amount);
  }

  /** Reads `lading_registry_<name>` when asked. */
  gauge(name: string, read: () => number): void {
    this.#gauges.set(name, read);
  }

  format(): string {
    const lines = ["# TYPE lading_registry_requests_total counter"];
    for (const [labels, value] of this.#requests)
      lines.push(`lading_registry_requests_total{${labels}} ${value}`);
    lines.push("# TYPE lading_registry_request_seconds histogram");
    for (const [labels, series] of this.#durations) {
      bounds.forEach((bound, i) => {
        lines.push(`lading_registry_request_seconds_bucket{${labels},le="${bound}"} ${series.buckets[i]}`);
      });
      lines.push(`lading_registry_request_seconds_bucket{${labels},le="+Inf"} ${series.count}`);
      lines.push(`lading_registry_request_seconds_sum{${labels}} ${series.seconds.toFixed(6)}`);
      lines.push(`lading_registry_request_seconds_count{${labels}} ${series.count}`);
    }
    for (const name of counterNames) {
      lines.push(`# TYPE lading_registry_${name}_total counter`);
      lines.push(`lading_registry_${name}_total ${this.#totals.get(name) ?? 0}`);
    }
    for (const [name, read] of this.#gauges) {
      lines.push(`# TYPE lading_registry_${name} gauge`, `lading_registry_${name} ${read()}`);
    }
    return `${lines.join("\n")}\n`;
  }
}

const counterNames = [
  "bytes_received",
  "bytes_sent",
  "collected_blobs",
  "collected_bytes",
  "expired_uploads",
] as const;
export type CounterName = (typeof counterNames)[number];
