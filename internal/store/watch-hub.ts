import type { Rec } from './record.ts';
import type { State } from './state.ts';
import type { StoreEvent, Watch, WatchRequest } from './store.ts';
import { afterTurn } from '../io/turn.ts';

/** A watch from the past reads this many records of history per turn of the event loop. */
const catchUpRecords = 2000;

type End = Parameters<WatchRequest['onEnd']>[0];

/** All watches of one range that are up to date: an event is matched once for all of them. */
interface Group {
  key: string;
  end: string | undefined;
  watchers: Set<Watcher>;
  /** Indexes of the matching records of the batch that is being dispatched. */
  matched: number[];
}

/**
 * Brings published records to watches: new ones as they are published, old ones from the history.
 */
export class WatchHub {
  readonly #state: State;
  readonly #groups = new Map<string, Group>();
  readonly #single = new Map<string, Group>();
  /** Groups of ranges, ordered by key. */
  #ranges: Group[] = [];
  readonly #behind = new Set<Watcher>();
  #scheduled = false;

  constructor(state: State) {
    this.#state = state;
  }

  /** Watches, up to date or not. */
  get size(): number {
    let size = this.#behind.size;
    for (const group of this.#groups.values()) size += group.watchers.size;
    return size;
  }

  watch(request: WatchRequest): Watch {
    const start = request.startRevision ?? 0;
    const watcher = new Watcher(this, request, start > 0 ? start : this.#state.published + 1);
    if (watcher.next > this.#state.published) this.#join(watcher);
    else this.#fallBehind(watcher);
    return watcher;
  }

  /** Gives records, which are published by now, to all watches that are up to date. */
  dispatch(recs: Rec[]): void {
    if (this.#groups.size === 0) return;
    const touched: Group[] = [];
    for (let i = 0; i < recs.length; i++) this.#match((recs[i] as Rec).key, i, touched);
    const events = new EventList(recs);
    const last = this.#state.published;
    for (const group of touched) {
      const matched = group.matched;
      group.matched = [];
      for (const watcher of group.watchers) watcher.deliver(events, matched, last);
    }
  }

  /** Ends every watch. */
  endAll(why: End): void {
    const all = [...this.#behind];
    for (const group of this.#groups.values())
      for (const watcher of group.watchers) all.push(watcher);
    for (const watcher of all) this.end(watcher, why);
  }

  get published(): number {
    return this.#state.published;
  }

  end(watcher: Watcher, why?: End): void {
    if (watcher.ended) return;
    watcher.ended = true;
    this.#behind.delete(watcher);
    const group = watcher.group;
    if (group !== undefined) {
      group.watchers.delete(watcher);
      if (group.watchers.size === 0) this.#drop(group);
    }
    watcher.settle();
    if (why !== undefined) watcher.request.onEnd(why);
  }

  #match(key: string, index: number, touched: Group[]): void {
    const single = this.#single.get(key);
    if (single !== undefined && single.matched.push(index) === 1) touched.push(single);
    for (const group of this.#ranges) {
      if (group.key > key) break;
      if (group.end !== '\0' && (group.end as string) <= key) continue;
      if (group.matched.push(index) === 1) touched.push(group);
    }
  }

  #join(watcher: Watcher): void {
    const { key, end } = watcher.request;
    const id = end === undefined ? key : `${key}\u0100${end}`;
    let group = this.#groups.get(id);
    if (group === undefined) {
      group = { key, end, watchers: new Set(), matched: [] };
      this.#groups.set(id, group);
      if (end === undefined) this.#single.set(key, group);
      // A new array, so that a dispatch under way keeps walking the old one.
      else
        this.#ranges = [...this.#ranges, group].sort((a, b) =>
          a.key < b.key ? -1 : a.key > b.key ? 1 : 0,
        );
    }
    group.watchers.add(watcher);
    watcher.group = group;
    watcher.settle();
  }

  #drop(group: Group): void {
    const id = group.end === undefined ? group.key : `${group.key}\u0100${group.end}`;
    this.#groups.delete(id);
    if (group.end === undefined) this.#single.delete(group.key);
    else this.#ranges = this.#ranges.filter((g) => g !== group);
  }

  #fallBehind(watcher: Watcher): void {
    this.#behind.add(watcher);
    if (this.#scheduled) return;
    this.#scheduled = true;
    afterTurn(() => this.#catchUp());
  }

  #catchUp(): void {
    this.#scheduled = false;
    for (const watcher of [...this.#behind]) if (!watcher.ended) this.#advance(watcher);
    if (this.#behind.size === 0 || this.#scheduled) return;
    this.#scheduled = true;
    afterTurn(() => this.#catchUp());
  }

  /** Reads the next piece of history for one watch. */
  #advance(watcher: Watcher): void {
    const { history, compactRevision, published } = this.#state;
    if (watcher.next < compactRevision)
      return this.end(watcher, { reason: 'compacted', compactRevision });
    const first = history.find(watcher.next);
    const recs: Rec[] = [];
    const matched: number[] = [];
    let last = published;
    for (let i = first; ; i++) {
      const rec = history.at(i);
      if (rec === undefined) break;
      // Only whole revisions are handed over.
      if (i - first >= catchUpRecords && rec.modRevision !== history.at(i - 1)?.modRevision) {
        last = rec.modRevision - 1;
        break;
      }
      if (covers(watcher.request, rec.key)) {
        matched.push(recs.length);
        recs.push(rec);
      }
    }
    if (matched.length > 0) watcher.deliver(new EventList(recs), matched, last);
    if (watcher.ended) return;
    watcher.next = last + 1;
    if (last < this.#state.published) return;
    this.#behind.delete(watcher);
    this.#join(watcher);
  }
}

class Watcher implements Watch {
  readonly request: WatchRequest;
  readonly #hub: WatchHub;
  /** The first revision it has not been given. */
  next: number;
  group: Group | undefined;
  ended = false;
  #waiting: (() => void)[] = [];

  constructor(hub: WatchHub, request: WatchRequest, next: number) {
    this.#hub = hub;
    this.request = request.end === '' ? { ...request, end: undefined } : request;
    this.next = next;
  }

  get revision(): number {
    return this.group === undefined ? this.next - 1 : this.#hub.published;
  }

  async progress(): Promise<number> {
    if (this.group === undefined && !this.ended)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.revision;
  }

  cancel(): void {
    this.#hub.end(this);
  }

  settle(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  deliver(list: EventList, matched: number[], revision: number): void {
    if (this.ended) return;
    const { prevKv, filters } = this.request;
    let events = list.pick(matched, prevKv ?? false);
    if ((events[0] as StoreEvent).kv.modRevision < this.next)
      events = events.filter((e) => e.kv.modRevision >= this.next);
    if (filters !== undefined && filters.length > 0) {
      events = events.filter((e) => !filters.includes(e.type === 'PUT' ? 'NOPUT' : 'NODELETE'));
    }
    if (events.length > 0) this.request.onEvents(events, revision);
  }
}

/** The events of some records, made once for all watches that get them. */
class EventList {
  readonly #recs: Rec[];
  readonly #plain: StoreEvent[] = [];
  readonly #withPrev: StoreEvent[] = [];
  #lastMatched: number[] | undefined;
  #lastPlain: StoreEvent[] | undefined;
  #lastWithPrev: StoreEvent[] | undefined;

  constructor(recs: Rec[]) {
    this.#recs = recs;
  }

  pick(matched: number[], prevKv: boolean): StoreEvent[] {
    if (this.#lastMatched !== matched) {
      this.#lastMatched = matched;
      this.#lastPlain = undefined;
      this.#lastWithPrev = undefined;
    }
    if (prevKv)
      return (this.#lastWithPrev ??= matched.map(
        (i) => (this.#withPrev[i] ??= eventOf(this.#recs[i] as Rec, true)),
      ));
    return (this.#lastPlain ??= matched.map(
      (i) => (this.#plain[i] ??= eventOf(this.#recs[i] as Rec, false)),
    ));
  }
}

function eventOf(rec: Rec, prevKv: boolean): StoreEvent {
  const type = rec.version > 0 ? 'PUT' : 'DELETE';
  let prev =
    prevKv && !(type === 'PUT' && rec.createRevision === rec.modRevision) ? rec.prev : undefined;
  // A transaction may put a key in one branch and delete it in another: the state before is the one
  // before all of it.
  while (prev !== undefined && prev.modRevision === rec.modRevision) prev = prev.prev;
  return prev !== undefined && prev.version > 0
    ? { type, kv: rec, prevKv: prev }
    : { type, kv: rec };
}

function covers(range: { key: string; end?: string }, key: string): boolean {
  if (range.end === undefined) return key === range.key;
  return key >= range.key && (range.end === '\0' || key < range.end);
}
