import type { KubeObject } from '../../api/object.ts';
import { ApiError } from '../../api/status.ts';
import {
  keyOf as storeKey,
  prefixEnd,
  type KeyValue,
  type StoreEvent,
  type Watch,
} from '../../store/store.ts';
import { turn } from '../../io/turn.ts';
import { limits } from '../limits.ts';
import type { Call } from '../registry/call.ts';
import type { Core } from '../registry/core.ts';
import {
  caughtUp,
  checkListQuery,
  filterFor,
  listRecords,
  parseRevision,
  type Filter,
  type Listed,
  type ListQuery,
} from '../registry/list.ts';
import { runsOf } from '../registry/runs.ts';
import { scopePrefix, type ServedResource } from '../registry/resource.ts';
import { deletedView } from './deleted.ts';
import { viewOf } from '../registry/stored.ts';

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED';

/**
 * One change as a client may see it. `origin` is the store's record: encoders remember their bytes
 * by it.
 */
export interface WatchEvent {
  readonly type: EventType;
  readonly object: KubeObject;
  readonly origin: KeyValue;
}

/** An event that shows a record; its object is made when somebody looks at it. */
class Shown implements WatchEvent {
  readonly type: EventType;
  readonly origin: KeyValue;
  readonly #resource: ServedResource;

  constructor(type: EventType, resource: ServedResource, origin: KeyValue) {
    this.type = type;
    this.origin = origin;
    this.#resource = resource;
  }

  get object(): KubeObject {
    return viewOf(this.#resource, this.origin);
  }
}

export interface WatchSink {
  /** All events of one batch. */
  events(events: WatchEvent[]): void;
  /** Resolves when more of the initial state is welcome; where it is missing, at once. */
  ready?(): Promise<void>;
  /**
   * The state so far is complete up to this revision; `initial` closes the list part of a
   * watch-list.
   */
  bookmark(revision: number, initial: boolean): void;
  ended(error: ApiError | undefined): void;
}

/** A running watch: initial state (if asked for), then what the store tells, through the filter. */
export class Watcher {
  readonly #core: Core;
  readonly #resource: ServedResource;
  readonly #filter: Filter;
  readonly #sink: WatchSink;
  #watch: Watch | undefined;
  #stopped = false;
  #queue: Promise<unknown> = Promise.resolve();
  /** Events that wait for their conversion. */
  #pending = 0;
  /** The revision of the last batch that was sent. */
  #told = 0;
  #unlisten: (() => void) | undefined;

  private constructor(core: Core, resource: ServedResource, filter: Filter, sink: WatchSink) {
    this.#core = core;
    this.#resource = resource;
    this.#filter = filter;
    this.#sink = sink;
  }

  /** Throws what a client must hear as an HTTP answer; later troubles go to the sink. */
  static async start(
    core: Core,
    call: Call,
    query: ListQuery & { allowBookmarks?: boolean },
    sink: WatchSink,
  ): Promise<Watcher> {
    checkListQuery(call.resource, query, true);
    const filter = filterFor(call.resource, query);
    const watcher = new Watcher(core, call.resource, filter, sink);
    const wanted = query.resourceVersion ? parseRevision(query.resourceVersion, true) : 0;
    const initial = query.sendInitialEvents ?? wanted === 0;
    const prefix = storeKey(scopePrefix(call.resource, call.namespace));
    if (!initial) {
      if (wanted > 0 && wanted < core.store.compactRevision)
        throw tooOld(wanted, core.store.compactRevision);
      watcher.#follow(prefix, (wanted || core.store.revision) + 1);
      return watcher;
    }
    if (query.sendInitialEvents) await caughtUp(core, wanted);
    const state = await listRecords(core, call, {
      labelSelector: query.labelSelector,
      fieldSelector: query.fieldSelector,
    });
    const marked = query.sendInitialEvents === true && query.allowBookmarks !== false;
    watcher
      .#begin(prefix, state, marked)
      .catch((error: unknown) => watcher.#end(asInternal(error)));
    return watcher;
  }

  /** The state there is, piece by piece as the sink takes it, then what happened since. */
  async #begin(prefix: string, { kvs, revision }: Listed, marked: boolean): Promise<void> {
    for (const { from, to } of runsOf(kvs)) {
      if (this.#stopped) return;
      const shown = kvs.slice(from, to).map((kv) => new Shown('ADDED', this.#resource, kv));
      this.#sink.events(shown);
      if (to < kvs.length) await Promise.all([turn(), this.#sink.ready?.()]);
    }
    if (this.#stopped) return;
    if (marked) this.#sink.bookmark(revision, true);
    this.#follow(prefix, revision + 1);
  }

  /**
   * The newest revision of which everything has been told: events that wait for their conversion
   * hold it back.
   */
  get revision(): number {
    return this.#pending > 0 ? this.#told : (this.#watch?.revision ?? 0);
  }

  stop(): void {
    this.#stopped = true;
    this.#watch?.cancel();
    this.#unlisten?.();
    this.#unlisten = undefined;
  }

  #end(error: ApiError | undefined): void {
    if (this.#stopped) return;
    this.stop();
    this.#sink.ended(error);
  }

  #follow(prefix: string, startRevision: number): void {
    // A definition that changed or went takes its watches along: they know only its old shape.
    if (this.#resource.custom)
      this.#unlisten = this.#core.resources.onRemove(this.#resource, () => this.#end(undefined));
    this.#watch = this.#core.store.watch({
      key: prefix,
      end: prefixEnd(prefix),
      startRevision,
      prevKv: true,
      onEvents: (events, revision) => {
        if (this.#resource.engine.prepare) this.#later(events, revision);
        else this.#tell(events);
      },
      onEnd: (why) => {
        if (why.reason === 'compacted') this.#end(tooOld(startRevision - 1, why.compactRevision));
        else if (why.reason === 'slow')
          this.#end(tooOld(startRevision - 1, this.#core.store.revision));
        else this.#end(undefined);
      },
    });
  }

  #tell(events: readonly StoreEvent[]): void {
    if (this.#stopped) return;
    const out: WatchEvent[] = [];
    // A compaction that overtakes a watch takes away what its next event replaced: nobody can then
    // tell an addition from a change.
    const blind = events.findIndex(
      ({ type, kv, prevKv }) => !prevKv && (type === 'DELETE' || kv.version > 1),
    );
    for (const event of blind < 0 ? events : events.slice(0, blind)) {
      const shown = this.#show(event);
      if (shown) out.push(shown);
    }
    if (out.length) this.#sink.events(out);
    if (blind >= 0)
      this.#end(tooOld((events[blind]?.kv.modRevision ?? 1) - 1, this.#core.store.compactRevision));
  }

  /** Conversion by webhook takes its time; the order of events stays. */
  #later(events: readonly StoreEvent[], revision: number): void {
    if (this.#pending === 0) this.#told = (events[0]?.kv.modRevision ?? 1) - 1;
    this.#pending += events.length;
    if (this.#pending > limits.watchPendingEvents)
      return this.#end(tooOld(this.revision, this.#core.store.revision));
    this.#queue = this.#queue
      .then(() =>
        this.#stopped
          ? undefined
          : this.#resource.engine.prepare?.(
              events.flatMap((event) => [event.kv, ...(event.prevKv ? [event.prevKv] : [])]),
            ),
      )
      .then(() => {
        this.#tell(events);
        this.#pending -= events.length;
        this.#told = revision;
      })
      .catch((error: unknown) => this.#end(asInternal(error)));
  }

  /** Leaving a selector looks like a deletion, entering it like a creation. */
  #show(event: StoreEvent): WatchEvent | undefined {
    const { kv, prevKv } = event;
    const before = prevKv && this.#passes(prevKv) ? prevKv : undefined;
    if (event.type === 'DELETE')
      return before
        ? { type: 'DELETED', object: deletedView(this.#resource, before, kv), origin: kv }
        : undefined;
    const now = this.#passes(kv);
    if (now) return new Shown(before ? 'MODIFIED' : 'ADDED', this.#resource, kv);
    if (before)
      return { type: 'DELETED', object: deletedView(this.#resource, before, kv), origin: kv };
    return undefined;
  }

  #passes(kv: KeyValue): boolean {
    return this.#filter.empty || this.#filter.matches(viewOf(this.#resource, kv));
  }
}

const asInternal = (error: unknown): ApiError =>
  error instanceof ApiError ? error : new ApiError('InternalError', String(error));

function tooOld(wanted: number, oldest: number): ApiError {
  return new ApiError('Expired', `too old resource version: ${wanted} (${oldest})`);
}
