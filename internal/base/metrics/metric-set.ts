import { labelText, MetricsText, type HistogramRow, type Labels } from './metrics-text.ts';
import type { Sample } from './metrics-text.ts';

/** Label sets beyond this many are not counted: some labels come from outside. */
const mostSeries = 2000;

export interface Counter {
  add(labels?: Labels, by?: number): void;
}

export interface Histogram {
  observe(value: number, labels?: Labels): void;
}

interface Row {
  labels: string;
  bounds: readonly number[];
  buckets: number[];
  count: number;
  sum: number;
}

/** Bounds that grow by a factor, as client_golang's ExponentialBuckets. */
export const growing = (first: number, factor: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => Number((first * factor ** i).toPrecision(12)));

/** Metrics of one server or agent. A name that is asked for twice is one metric. */
export class MetricSet {
  readonly #writers = new Map<string, (text: MetricsText) => void>();
  readonly #made = new Map<string, Counter | Histogram>();

  counter(name: string, help: string): Counter {
    return this.#once(name, () => {
      const values = new Map<string, [Labels, number]>();
      this.#writers.set(name, (text) => text.family(name, 'counter', help, values.values()));
      return {
        add(labels = {}, by = 1) {
          const key = labelText(labels);
          const known = values.get(key);
          if (known) known[1] += by;
          else if (values.size < mostSeries) values.set(key, [{ ...labels }, by]);
        },
      };
    });
  }

  histogram(name: string, help: string, bounds: readonly number[]): Histogram {
    return this.#once(name, () => {
      const rows = new Map<string, Row>();
      this.#writers.set(name, (text) =>
        text.histogram(name, help, rows.values() as Iterable<HistogramRow>),
      );
      return {
        observe(value, labels = {}) {
          const key = labelText(labels);
          let row = rows.get(key);
          if (!row && rows.size >= mostSeries) return;
          if (!row) {
            row = { labels: key, bounds, buckets: bounds.map(() => 0), count: 0, sum: 0 };
            rows.set(key, row);
          }
          row.count++;
          row.sum += value;
          const at = bounds.findIndex((bound) => value <= bound);
          if (at >= 0) row.buckets[at] = (row.buckets[at] ?? 0) + 1;
        },
      };
    });
  }

  /**
   * `read` is asked when somebody wants to know. A second registration of a name replaces the
   * first.
   */
  gauge(name: string, help: string, read: () => Iterable<Sample>): void {
    this.#writers.set(name, (text) => text.family(name, 'gauge', help, read()));
  }

  text(): string {
    const text = new MetricsText();
    for (const write of this.#writers.values()) write(text);
    return text.toString();
  }

  #once<T extends Counter | Histogram>(name: string, make: () => T): T {
    const known = this.#made.get(name) as T | undefined;
    if (known) return known;
    const made = make();
    this.#made.set(name, made);
    return made;
  }
}
