import { messageOf } from '../base/errors.ts';
import type { Clock, Timer } from '../io/clock.ts';
import type { Log } from '../io/log.ts';
import { prefixEnd, type KeyValue, type Store, type Watch } from '../store/store.ts';

/** A store that is away is asked again after this, and less and less often. */
const firstRetryMs = 100;
const longestRetryMs = 10_000;

/**
 * `kv`: the record as it is now, undefined when it is gone. `before`: as it was told last,
 * undefined when it is new.
 */
export interface Change {
  key: string;
  kv: KeyValue | undefined;
  before: KeyValue | undefined;
}

export interface FollowOptions {
  store: Store;
  clock: Clock;
  log: Log;
  /** What is followed, for the log: `apiservices`. */
  name: string;
  prefix: string;
  /** All changes of one look or one batch. Must not throw. */
  onChanges(changes: Change[]): void;
}

export interface Followed {
  stop(): void;
}

/**
 * Tells the state of all keys below a prefix and every change of it, for as long as it is not
 * stopped. When the watch ends (compacted, slow, the store away) it reads the range again and tells
 * the difference, deletions included. Rejects only when the very first read fails.
 */
export async function follow(options: FollowOptions): Promise<Followed> {
  const follower = new Follower(options);
  await follower.look();
  return follower;
}

class Follower implements Followed {
  readonly #o: FollowOptions;
  #known = new Map<string, KeyValue>();
  #watch: Watch | undefined;
  #timer: Timer | undefined;
  #waitMs = firstRetryMs;
  #stopped = false;

  constructor(options: FollowOptions) {
    this.#o = options;
  }

  stop(): void {
    this.#stopped = true;
    this.#watch?.cancel();
    this.#timer?.cancel();
  }

  async look(): Promise<void> {
    const { store, prefix } = this.#o;
    const range = { key: prefix, end: prefixEnd(prefix) };
    const now = await store.range(range);
    if (this.#stopped) return;
    this.#waitMs = firstRetryMs;
    this.#tell(this.#difference(now.kvs));
    this.#watch = store.watch({
      ...range,
      startRevision: now.revision + 1,
      onEvents: (events) =>
        this.#tell(
          events.map(({ type, kv }) => this.#apply(kv.key, type === 'PUT' ? kv : undefined)),
        ),
      onEnd: (why) => {
        if (!this.#stopped && why.reason !== 'closed') this.#again();
      },
    });
  }

  #difference(kvs: readonly KeyValue[]): Change[] {
    const there = new Set(kvs.map((kv) => kv.key));
    const gone = [...this.#known.keys()].filter((key) => !there.has(key));
    const changed = kvs.filter((kv) => this.#known.get(kv.key)?.modRevision !== kv.modRevision);
    return [
      ...gone.map((key) => this.#apply(key, undefined)),
      ...changed.map((kv) => this.#apply(kv.key, kv)),
    ];
  }

  #apply(key: string, kv: KeyValue | undefined): Change {
    const before = this.#known.get(key);
    if (kv) this.#known.set(key, kv);
    else this.#known.delete(key);
    return { key, kv, before };
  }

  #tell(changes: Change[]): void {
    if (!this.#stopped && changes.length > 0) this.#o.onChanges(changes);
  }

  #again(): void {
    this.look().catch((error: unknown) => {
      if (this.#stopped) return;
      this.#o.log.warn('the store does not answer; it is asked again', {
        followed: this.#o.name,
        error: messageOf(error),
      });
      this.#timer = this.#o.clock.after('follow.retry', this.#waitMs, () => this.#again());
      this.#waitMs = Math.min(this.#waitMs * 2, longestRetryMs);
    });
  }
}
