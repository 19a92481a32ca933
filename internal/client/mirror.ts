import { keyOf, type KubeObject, type ResourceRef } from '../api/object.ts';
import { ApiError } from '../api/status.ts';
import { messageOf } from '../base/errors.ts';
import type { Clock, Timer } from '../io/clock.ts';
import type { Log } from '../io/log.ts';
import type { Change, Client, Mirror, MirrorOptions, WatchHandle } from './client.ts';

/** A page of the fallback LIST: what client-go asks for. */
const listPage = 500;
/**
 * A server that is starting answers within seconds; one that is away for long must not be knocked
 * at more often than this.
 */
const shortestRetryMs = 200;
const longestRetryMs = 30_000;

type Meta = Pick<KubeObject, 'metadata'>;

export interface WatchingMirrorOptions<T> extends MirrorOptions<T> {
  /**
   * Keeps only a part of each object, for users who need little of very many (the garbage
   * collector). It keeps metadata's names and versions.
   */
  project?: (object: T) => T;
}

/** Keeps `ref` mirrored until stopped. Objects are those of the client, never copied. */
export class WatchingMirror<T extends object> implements Mirror<T> {
  readonly synced: Promise<void>;
  readonly served: Promise<boolean>;
  readonly #client: Client;
  readonly #ref: ResourceRef;
  readonly #options: WatchingMirrorOptions<T>;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #objects = new Map<string, T>();
  readonly #byNamespace = new Map<string, Map<string, T>>();
  readonly #indexes = new Map<string, Index<T>>();
  readonly #handlers = new Set<(change: Change<T>) => void>();
  #resolveSynced!: () => void;
  #resolveServed!: (served: boolean) => void;
  #isSynced = false;
  #resourceVersion = '';
  #watch: WatchHandle | undefined;
  #retry: Timer | undefined;
  #retryMs = shortestRetryMs;
  #watchList = true;
  #stopped = false;
  /** The state that is coming in while the mirror starts over; undefined while live. */
  #incoming: Map<string, T> | undefined;

  constructor(
    client: Client,
    ref: ResourceRef,
    options: WatchingMirrorOptions<T>,
    clock: Clock,
    log: Log,
  ) {
    this.#client = client;
    this.#ref = ref;
    this.#options = options;
    this.#clock = clock;
    this.#log = log;
    this.synced = new Promise((resolve) => (this.#resolveSynced = resolve));
    this.served = new Promise((resolve) => (this.#resolveServed = resolve));
    for (const name in options.indexes) this.addIndex(name, options.indexes[name]!);
    this.#startOver();
  }

  get resourceVersion(): string {
    return this.#resourceVersion;
  }

  get isSynced(): boolean {
    return this.#isSynced;
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(namespace?: string): Iterable<T> {
    if (!namespace || !this.#ref.namespaced) return this.#objects.values();
    return this.#byNamespace.get(namespace)?.values() ?? [];
  }

  byIndex(name: string, value: string): Iterable<T> {
    const index = this.#indexes.get(name);
    if (!index) throw new TypeError(`the mirror of ${this.#ref.resource} has no index ${name}`);
    return index.held.get(value)?.values() ?? [];
  }

  /**
   * Adds an index to a mirror that may already hold objects. A name means the same function for all
   * who share the mirror.
   */
  addIndex(name: string, values: (object: T) => string[]): void {
    if (this.#indexes.has(name)) return;
    const index: Index<T> = { values, held: new Map() };
    for (const [key, object] of this.#objects) indexAdd(index, key, object);
    this.#indexes.set(name, index);
  }

  onChange(handler: (change: Change<T>) => void): () => void {
    for (const [key, object] of [...this.#objects])
      handler({ type: 'ADDED', key, object, old: undefined });
    this.#handlers.add(handler);
    return () => void this.#handlers.delete(handler);
  }

  stop(): void {
    this.#stopped = true;
    this.#watch?.stop();
    this.#retry?.cancel();
    this.#handlers.clear();
  }

  #startOver(): void {
    this.#incoming = new Map();
    if (this.#watchList) this.#openWatch({ sendInitialEvents: true });
    else void this.#listThenWatch();
  }

  #resume(): void {
    if (this.#incoming) this.#startOver();
    else this.#openWatch({ resourceVersion: this.#resourceVersion });
  }

  #openWatch(from: { sendInitialEvents: true } | { resourceVersion: string }): void {
    const { namespace, labelSelector, fieldSelector } = this.#options;
    let current = true;
    const live = (): boolean => current && !this.#stopped;
    this.#watch = this.#client.watch<T>(
      this.#ref,
      { namespace, labelSelector, fieldSelector, ...from },
      {
        onEvent: (type, object) => {
          if (live())
            this.#take(type, this.#options.project ? this.#options.project(object) : object);
        },
        onSynced: (version) => {
          if (live()) this.#replace(version);
        },
        onBookmark: (version) => {
          if (live() && !this.#incoming) this.#resourceVersion = version;
        },
        onEnd: (error) => {
          if (live()) this.#ended(error);
          current = false;
        },
      },
    );
  }

  async #listThenWatch(): Promise<void> {
    try {
      const incoming = new Map<string, T>();
      const { namespace, labelSelector, fieldSelector } = this.#options;
      let next: string | undefined;
      let version = '';
      do {
        const page = await this.#client.list<T>(this.#ref, {
          namespace,
          labelSelector,
          fieldSelector,
          limit: listPage,
          continue: next,
        });
        for (const object of page.items)
          incoming.set(
            keyOf(object as Meta),
            this.#options.project ? this.#options.project(object) : object,
          );
        next = page.continue;
        version = page.resourceVersion;
      } while (next && !this.#stopped);
      if (this.#stopped) return;
      this.#incoming = incoming;
      this.#replace(version);
      this.#openWatch({ resourceVersion: version });
    } catch (error) {
      if (!this.#stopped) this.#ended(error as Error);
    }
  }

  #ended(error: Error | undefined): void {
    this.#watch = undefined;
    if (error instanceof ApiError) {
      if (error.httpStatus === 404 || error.httpStatus === 403) this.#resolveServed(false);
      if (error.httpStatus === 410) {
        // our version is gone from history: what follows is a new full state
        this.#incoming = new Map();
      } else if (
        this.#incoming &&
        this.#watchList &&
        (error.httpStatus === 422 || error.httpStatus === 400)
      ) {
        this.#watchList = false; // a server without KEP-3157
        return this.#startOver();
      }
    }
    if (error)
      this.#log.debug('watch ended', { resource: this.#ref.resource, error: messageOf(error) });
    const delay = error ? this.#retryMs : shortestRetryMs;
    if (error) this.#retryMs = Math.min(this.#retryMs * 2, longestRetryMs);
    this.#retry = this.#clock.after('mirror.retry', delay, () => this.#resume());
  }

  #take(type: Change<T>['type'], object: T): void {
    const key = keyOf(object as Meta);
    if (this.#incoming) {
      if (type === 'DELETED') this.#incoming.delete(key);
      else this.#incoming.set(key, object);
      return;
    }
    this.#retryMs = shortestRetryMs;
    this.#resourceVersion = (object as Meta).metadata.resourceVersion ?? this.#resourceVersion;
    this.#apply(type === 'DELETED', key, object);
  }

  /** Puts the state that came in in the place of the old one, telling only what differs. */
  #replace(version: string): void {
    const incoming = this.#incoming;
    if (!incoming) return;
    this.#incoming = undefined;
    this.#retryMs = shortestRetryMs;
    this.#resourceVersion = version;
    for (const [key, object] of [...this.#objects])
      if (!incoming.has(key)) this.#apply(true, key, object);
    for (const [key, object] of incoming) {
      const old = this.#objects.get(key) as Meta | undefined;
      if (!old || old.metadata.resourceVersion !== (object as Meta).metadata.resourceVersion)
        this.#apply(false, key, object);
    }
    this.#isSynced = true;
    this.#resolveSynced();
    this.#resolveServed(true);
  }

  #apply(gone: boolean, key: string, object: T): void {
    const old = this.#objects.get(key);
    if (gone && !old) return;
    // The same name with another uid is another object: handlers must hear of the end of the first.
    if (!gone && old && (old as Meta).metadata.uid !== (object as Meta).metadata.uid)
      this.#apply(true, key, old);
    const before = this.#objects.get(key);
    for (const index of this.#indexes.values()) if (before) indexRemove(index, key, before);
    const namespace = (object as Meta).metadata.namespace ?? '';
    if (gone) {
      this.#objects.delete(key);
      const held = this.#byNamespace.get(namespace);
      held?.delete(key);
      if (held?.size === 0) this.#byNamespace.delete(namespace);
    } else {
      this.#objects.set(key, object);
      let held = this.#byNamespace.get(namespace);
      if (!held) this.#byNamespace.set(namespace, (held = new Map()));
      held.set(key, object);
      for (const index of this.#indexes.values()) indexAdd(index, key, object);
    }
    const change: Change<T> = {
      type: gone ? 'DELETED' : before ? 'MODIFIED' : 'ADDED',
      key,
      object,
      old: before,
    };
    for (const handler of this.#handlers) handler(change);
  }
}

interface Index<T> {
  values: (object: T) => string[];
  held: Map<string, Map<string, T>>;
}

function indexAdd<T>(index: Index<T>, key: string, object: T): void {
  for (const value of index.values(object)) {
    let held = index.held.get(value);
    if (!held) index.held.set(value, (held = new Map()));
    held.set(key, object);
  }
}

function indexRemove<T>(index: Index<T>, key: string, object: T): void {
  for (const value of index.values(object)) {
    const held = index.held.get(value);
    held?.delete(key);
    if (held?.size === 0) index.held.delete(value);
  }
}
