import type { Buffer } from 'node:buffer';
import type { Clock } from '../../io/clock.ts';
import type { KeyValue } from '../../store/store.ts';
import type { ServedResource } from '../registry/resource.ts';

interface Encoded {
  keys: string[];
  revisions: number[];
  bytes: Buffer;
}

/** Memory for what lists were encoded to: two formats of 5,000 objects. */
const mostBytes = 16 * 1024 * 1024;
/** Lists come in bursts: after a restart of the server, of a controller, of a hundred nodes. */
const keptMs = 10_000;

/**
 * What runs of lists were encoded to, for the next who lists the same soon. Without lists it is
 * empty. A record is known by its key and its revision.
 */
export class ListCache {
  readonly #clock: Clock;
  /** In the order of their last use. */
  readonly #runs = new Map<string, Encoded>();
  readonly #numbers = new WeakMap<ServedResource, number>();
  #next = 0;
  #bytes = 0;
  #usedAtMs = 0;
  /** The clock will call when the last use is long ago. */
  #waits = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** A list of this many bytes would only push out all others, and then itself. */
  takes(bytes: number): boolean {
    return bytes <= mostBytes / 2;
  }

  /** The run from the cache, or made and kept. */
  run(
    resource: ServedResource,
    form: string,
    kvs: readonly KeyValue[],
    make: () => Buffer,
  ): Buffer {
    const name = `${this.#numberOf(resource)} ${form} ${kvs[0]?.key}`;
    const known = this.#runs.get(name);
    if (known) {
      this.#runs.delete(name);
      if (isSame(known, kvs)) {
        this.#runs.set(name, known);
        this.#usedAtMs = this.#clock.monotonicMs();
        return known.bytes;
      }
      this.#bytes -= known.bytes.length;
    }
    const bytes = make();
    const keys = kvs.map((kv) => kv.key);
    this.#runs.set(name, { keys, revisions: kvs.map((kv) => kv.modRevision), bytes });
    this.#bytes += bytes.length;
    this.#shrink();
    this.#usedAtMs = this.#clock.monotonicMs();
    if (!this.#waits) this.#forgetAfter(keptMs);
    return bytes;
  }

  #shrink(): void {
    for (const [name, { bytes }] of this.#runs) {
      if (this.#bytes <= mostBytes) return;
      this.#runs.delete(name);
      this.#bytes -= bytes.length;
    }
  }

  #forgetAfter(ms: number): void {
    this.#waits = true;
    this.#clock.after('lists.forget', ms, () => {
      const left = this.#usedAtMs + keptMs - this.#clock.monotonicMs();
      if (left > 0) return this.#forgetAfter(left);
      this.#waits = false;
      this.#runs.clear();
      this.#bytes = 0;
    });
  }

  #numberOf(resource: ServedResource): number {
    let number = this.#numbers.get(resource);
    if (number === undefined) this.#numbers.set(resource, (number = this.#next++));
    return number;
  }
}

function isSame({ keys, revisions }: Encoded, kvs: readonly KeyValue[]): boolean {
  if (keys.length !== kvs.length) return false;
  for (let i = 0; i < keys.length; i++) {
    const kv = kvs[i] as KeyValue;
    if (revisions[i] !== kv.modRevision || keys[i] !== kv.key) return false;
  }
  return true;
}
