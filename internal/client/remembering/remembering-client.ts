import { createHash } from 'node:crypto';
import {
  deepFreeze,
  fieldsOf,
  keyOf,
  type KubeObject,
  type ResourceRef,
} from '../../api/object.ts';
import { dictOf, isDict, listOf } from '../../api/loose.ts';
import { ApiError } from '../../api/status.ts';
import type { Clock, Timer } from '../../io/clock.ts';
import type { Log } from '../../io/log.ts';
import type { Client, WatchHandle, WatchHandlers, WatchOptions, WriteOptions } from '../client.ts';
import { essenceOf } from './essence.ts';
import type { SealedFiles } from './sealed-files.ts';

export interface RememberingOptions {
  client: Client;
  files: SealedFiles;
  clock: Clock;
  log: Log;
  /** Resources, by their plural names, whose watches are remembered. */
  resources: readonly string[];
}

/** A first state is remembered soon; changes of it, for the flash card's sake, later. */
const soonMs = 5_000;
const laterMs = new Map([
  ['secrets', 10_000],
  ['configmaps', 10_000],
]);
const latestMs = 10 * 60_000;
/** A watch that resumes from here is told to start over, or gets all that happened. */
const ancientVersion = '1';
const mostTokens = 1000;
/** So long after the start what nobody has asked for is kept. */
const unaskedMs = 30 * 60_000;

interface Remembered {
  objects: Map<string, KubeObject>;
  saved: boolean;
}

/**
 * A client for a node whose servers may be away when it starts. It passes everything on; of some
 * kinds it keeps what was seen last on the disk. Per watch that begins with the present state:
 *
 *     asked -> the server answers        -> live; what it says is remembered
 *     asked -> nobody answers (no Status) -> what is remembered, if anything, as the present state,
 *                                            and the watch ends as it did: the caller asks again
 *
 * The same for the tokens of service accounts: any token, also one that has ended, lets a pod
 * start; a good one follows when a server is back.
 */
export function rememberingClient(options: RememberingOptions): Client & { stop(): void } {
  const { client } = options;
  const memory = new Memory(options);
  const answered = (error: unknown): boolean => error instanceof ApiError;
  return {
    get: (ref, target) => client.get(ref, target),
    list: (ref, asked) => client.list(ref, asked),
    update: (ref, object, asked) => client.update(ref, object, asked),
    patch: (ref, target, patch, asked) => client.patch(ref, target, patch, asked),
    delete: (ref, target, asked) => client.delete(ref, target, asked),
    deleteCollection: (ref, asked) => client.deleteCollection(ref, asked),
    raw: (request) => client.raw(request),
    async create<T>(
      ref: ResourceRef,
      object: object,
      asked: WriteOptions & { namespace?: string; name?: string; subresource?: string } = {},
    ): Promise<T> {
      if (ref.resource !== 'serviceaccounts' || asked.subresource !== 'token')
        return await client.create<T>(ref, object, asked);
      const key = tokenKey(asked, object);
      try {
        const made = await client.create<T>(ref, object, asked);
        memory.keepToken(key, made);
        return made;
      } catch (error) {
        const kept = answered(error) ? undefined : await memory.token(key);
        if (kept === undefined) throw error;
        return kept as T;
      }
    },
    watch<T>(ref: ResourceRef, asked: WatchOptions, handlers: WatchHandlers<T>): WatchHandle {
      if (!options.resources.includes(ref.resource)) return client.watch(ref, asked, handlers);
      return memory.watch(
        ref,
        asked,
        handlers as WatchHandlers<unknown> as WatchHandlers<KubeObject>,
      );
    },
    stop: () => memory.stop(),
  };
}

class Memory {
  readonly #o: RememberingOptions;
  /** By resource, then by what of it was asked for. */
  readonly #known = new Map<string, Map<string, Remembered>>();
  readonly #loaded = new Map<string, Promise<Record<string, unknown>>>();
  readonly #timers = new Map<string, Timer>();
  readonly #tokens = new Map<string, unknown>();
  readonly #bornMs: number;
  #stopped = false;

  constructor(options: RememberingOptions) {
    this.#o = options;
    this.#bornMs = options.clock.monotonicMs();
  }

  watch(ref: ResourceRef, asked: WatchOptions, handlers: WatchHandlers<KubeObject>): WatchHandle {
    const selected = selectionOf(asked);
    const begins = asked.sendInitialEvents === true;
    let live = !begins;
    let over = false;
    const incoming = new Map<string, KubeObject>();
    const end = (error: Error | undefined): void => {
      if (!over) handlers.onEnd(error);
      over = true;
    };
    const handle = this.#o.client.watch<KubeObject>(ref, asked, {
      onEvent: (type, object) => {
        const objects = live ? this.#entry(ref, selected).objects : incoming;
        if (type === 'DELETED') objects.delete(keyOf(object));
        else objects.set(keyOf(object), object);
        if (live) this.#changed(ref);
        handlers.onEvent(type, object);
      },
      onSynced: (version) => {
        live = true;
        this.#entry(ref, selected).objects = incoming;
        this.#changed(ref);
        handlers.onSynced?.(version);
      },
      onBookmark: (version) => handlers.onBookmark?.(version),
      onEnd: (error) => {
        if (live || over || !error || error instanceof ApiError) return end(error);
        void this.#recall(ref, selected).then((objects) => {
          if (over) return;
          if (objects) {
            for (const object of objects) handlers.onEvent('ADDED', object);
            handlers.onSynced?.(ancientVersion);
          }
          end(error);
        });
      },
    });
    let stopped = false;
    return {
      stop: () => {
        over = true;
        handle.stop();
        // What is immutable is watched no more, and needed until it is said again. A process that
        // ends writes nothing.
        if (
          asked.fieldSelector?.startsWith('metadata.name=') &&
          (stopped || !this.#rests(ref, selected))
        )
          this.#forget(ref, selected);
        stopped = true;
      },
    };
  }

  keepToken(key: string, token: unknown): void {
    if (this.#tokens.has(key)) return;
    this.#tokens.set(key, token);
    this.#soon('tokens', soonMs);
  }

  async token(key: string): Promise<unknown> {
    const kept = this.#tokens.get(key) ?? (await this.#file('tokens'))[key];
    return isDict(kept) ? kept : undefined;
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers.values()) timer.cancel();
  }

  #entry(ref: ResourceRef, selected: string): Remembered {
    const kind = nameOf(ref);
    let all = this.#known.get(kind);
    if (!all) this.#known.set(kind, (all = new Map()));
    let entry = all.get(selected);
    if (!entry) all.set(selected, (entry = { objects: new Map(), saved: false }));
    return entry;
  }

  #rests(ref: ResourceRef, selected: string): boolean {
    const [object] = this.#known.get(nameOf(ref))?.get(selected)?.objects.values() ?? [];
    return object !== undefined && fieldsOf(object)['immutable'] === true;
  }

  #forget(ref: ResourceRef, selected: string): void {
    if (this.#known.get(nameOf(ref))?.delete(selected)) this.#changed(ref);
  }

  #changed(ref: ResourceRef): void {
    const kind = nameOf(ref);
    const fresh = [...(this.#known.get(kind)?.values() ?? [])].some(({ saved }) => !saved);
    this.#soon(kind, fresh ? soonMs : (laterMs.get(ref.resource) ?? latestMs));
  }

  #soon(name: string, afterMs: number): void {
    if (this.#timers.has(name) || this.#stopped) return;
    const timer = this.#o.clock.after('remember', afterMs, () => {
      this.#timers.delete(name);
      void this.#save(name);
    });
    this.#timers.set(name, timer);
  }

  async #save(name: string): Promise<void> {
    if (name === 'tokens') {
      const kept = { ...(await this.#file(name)), ...Object.fromEntries(this.#tokens) };
      const newest = Object.entries(kept).slice(-mostTokens);
      return await this.#o.files.write(name, Object.fromEntries(newest));
    }
    const known = this.#known.get(name) ?? new Map<string, Remembered>();
    const all: Record<string, KubeObject[]> = {};
    for (const [selected, entry] of known) {
      entry.saved = true;
      all[selected] = [...entry.objects.values()].map(essenceOf);
    }
    await this.#o.files.write(name, { ...(await this.#unasked(name, known)), ...all });
  }

  /**
   * What an earlier process remembered and nobody has asked for yet: pods start one after the
   * other, and their node may lose its power again before all have.
   */
  async #unasked(
    name: string,
    known: ReadonlyMap<string, Remembered>,
  ): Promise<Record<string, unknown>> {
    if (this.#o.clock.monotonicMs() - this.#bornMs > unaskedMs) return {};
    const before = Object.entries(await this.#file(name));
    return Object.fromEntries(before.filter(([key]) => !known.has(key)));
  }

  async #recall(ref: ResourceRef, selected: string): Promise<KubeObject[] | undefined> {
    const held = this.#known.get(nameOf(ref))?.get(selected);
    if (held) return [...held.objects.values()];
    const file = await this.#file(nameOf(ref));
    if (file[selected] === undefined) return undefined;
    const objects = listOf(file[selected]).filter(isObject);
    this.#o.log.debug('no server answers: what is remembered counts', {
      resource: ref.resource,
      of: selected,
      objects: objects.length,
    });
    return objects.map((object) => deepFreeze(object));
  }

  #file(name: string): Promise<Record<string, unknown>> {
    let loaded = this.#loaded.get(name);
    if (!loaded) this.#loaded.set(name, (loaded = this.#o.files.read(name).then(dictOf)));
    return loaded;
  }
}

const isObject = (value: unknown): value is KubeObject =>
  isDict(value) && isDict(value['metadata']) && typeof value['metadata']['name'] === 'string';
const nameOf = (ref: ResourceRef): string =>
  ref.group ? `${ref.resource}.${ref.group}` : ref.resource;
const selectionOf = ({ namespace, labelSelector, fieldSelector }: WatchOptions): string =>
  [namespace ?? '', labelSelector ?? '', fieldSelector ?? ''].join('|');

/** Whose token, for whom: the pod that it is bound to, and its audiences. */
function tokenKey(asked: { namespace?: string; name?: string }, request: object): string {
  const spec = dictOf(dictOf(request)['spec']);
  const bound = dictOf(spec['boundObjectRef']);
  const about = [asked.namespace, asked.name, bound['uid'], listOf(spec['audiences'])];
  return createHash('sha256').update(JSON.stringify(about)).digest('hex').slice(0, 32);
}
