export type Labels = Readonly<Record<string, string>>;
export type Sample = [labels: Labels, value: number, atMs?: number];

const escaped = (text: string): string =>
  text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');

/** What stands between the braces: `a="1",b="2"`. */
export const labelText = (labels: Labels): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(value)}"`)
    .join(',');

/** Prometheus text (exposition format 0.0.4). */
export class MetricsText {
  #text = '';

  family(
    name: string,
    type: 'counter' | 'gauge' | 'histogram',
    help: string,
    samples: Iterable<Sample>,
  ): this {
    this.#head(name, type, help);
    for (const [labels, value, atMs] of samples) this.#line(name, labelText(labels), value, atMs);
    return this;
  }

  histogram(name: string, help: string, rows: Iterable<HistogramRow>): this {
    this.#head(name, 'histogram', help);
    for (const { labels, bounds, buckets, count, sum } of rows) {
      const before = labels === '' ? '' : `${labels},`;
      let below = 0;
      for (const [i, bound] of bounds.entries()) {
        below += buckets[i] ?? 0;
        this.#line(`${name}_bucket`, `${before}le="${bound}"`, below);
      }
      this.#line(`${name}_bucket`, `${before}le="+Inf"`, count);
      this.#line(`${name}_sum`, labels, sum);
      this.#line(`${name}_count`, labels, count);
    }
    return this;
  }

  #head(name: string, type: string, help: string): void {
    this.#text += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
  }

  #line(name: string, labels: string, value: number, atMs?: number): void {
    const at = atMs === undefined ? '' : ` ${atMs}`;
    this.#text += `${name}${labels === '' ? '' : `{${labels}}`} ${value}${at}\n`;
  }

  toString(): string {
    return this.#text;
  }
}

export interface HistogramRow {
  /** As `labelText` writes them. */
  labels: string;
  bounds: readonly number[];
  /** How many fell between the bound before and this one. */
  buckets: readonly number[];
  count: number;
  sum: number;
}
