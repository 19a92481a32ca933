import type { Clock, Timer } from '../io/clock.ts';
import type { Log } from '../io/log.ts';
import { noRoom, readOnly, type StoreError } from './errors.ts';
import type { Journal, RoomState } from './journal.ts';
import type { Rec } from './record.ts';

/** How often a disk in trouble is looked at. */
const lookMs = 2000;
/** A status or a binding makes its object no larger than this; somebody's data may. */
const growthBytes = 4096;

/**
 * Whether there is room for writes, and which of them are let in while there is little. See
 * sqlite/README.md.
 */
export class Room {
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #listeners = new Set<(state: RoomState) => void>();
  #state: RoomState = 'ample';
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: {
    journal: Journal;
    clock: Clock;
    log: Log;
    initialRoom?: RoomState | undefined;
  }) {
    this.#journal = options.journal;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#journal.onRoom?.((state) => this.#set(state));
    if (options.initialRoom) this.#set(options.initialRoom);
  }

  get state(): RoomState {
    return this.#state;
  }

  /** Calls `fn` now and with every change. */
  follow(fn: (state: RoomState) => void): () => void {
    this.#listeners.add(fn);
    fn(this.#state);
    return () => void this.#listeners.delete(fn);
  }

  /** Why these changes are not taken now; undefined when they are. */
  refusal(recs: readonly Rec[], soft: boolean): StoreError | undefined {
    if (this.#state === 'ample' || soft) return undefined;
    if (this.#state === 'read-only') return readOnly();
    return recs.some(adds) ? noRoom() : undefined;
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #set(state: RoomState): void {
    if (state === this.#state || this.#stopped) return;
    this.#state = state;
    if (state === 'ample') this.#log.info('the disk of the datastore takes writes again', {});
    else
      this.#log.error(
        state === 'scarce'
          ? 'the disk of the datastore is full: only deletions and small changes are taken'
          : 'the disk of the datastore is read-only: no change is taken',
        { folder: this.#journal.folder },
      );
    for (const fn of this.#listeners) fn(state);
    this.#look();
  }

  #look(): void {
    this.#timer?.cancel();
    if (this.#state === 'ample') return;
    this.#timer = this.#clock.after('store.room', lookMs, () => {
      void this.#journal
        .lookForRoom?.()
        .then(
          (state) => this.#set(state),
          () => undefined,
        )
        .finally(() => !this.#stopped && this.#look());
    });
  }
}

function adds(rec: Rec): boolean {
  if (rec.version === 0) return false;
  return rec.version === 1 || rec.size > (rec.prev?.size ?? 0) + growthBytes;
}
