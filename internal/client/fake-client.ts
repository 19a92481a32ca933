import {
  asObject,
  fieldsOf,
  deepCopy,
  deepFreeze,
  keyOf,
  type KubeObject,
  type ResourceRef,
} from '../api/object.ts';
import { parseLabelSelector } from '../api/selectors.ts';
import { alreadyExists, conflict, modifiedConflict, notFound } from '../api/status.ts';
import type { Clock } from '../io/clock.ts';
import type {
  Client,
  DeleteOptions,
  ListOptions,
  ObjectList,
  Patch,
  Target,
  WatchHandle,
  WatchHandlers,
  WatchOptions,
  WriteOptions,
} from './client.ts';
import { timeOf } from '../api/times.ts';

type Json = Record<string, unknown>;

interface Watcher {
  options: WatchOptions;
  handlers: WatchHandlers<KubeObject>;
}

/** Called before each write; what it throws the caller gets. */
export type Interceptor = (
  verb: string,
  ref: ResourceRef,
  target: { namespace?: string; name?: string; subresource?: string },
  body: unknown,
) => void;

/**
 * The in-memory twin of an API server for tests of loops: resource versions, uids, generations,
 * finalizers, watches. It does not default, validate or authorize; strategic patches are merged as
 * merge patches.
 */
export class FakeClient implements Client {
  readonly writes: {
    verb: string;
    resource: string;
    target: string;
    subresource: string | undefined;
    body: unknown;
  }[] = [];
  intercept: Interceptor | undefined;
  readonly #clock: Clock;
  readonly #stores = new Map<string, Map<string, KubeObject>>();
  readonly #watchers = new Map<string, Set<Watcher>>();
  #version = 100;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** All objects of a kind, for looking at. */
  all<T = KubeObject>(ref: ResourceRef): T[] {
    return [...this.#store(ref).values()] as T[];
  }

  async get<T>(ref: ResourceRef, target: Target): Promise<T> {
    await Promise.resolve();
    return this.#present(ref, target.namespace, target.name) as T;
  }

  async list<T>(ref: ResourceRef, options: ListOptions = {}): Promise<ObjectList<T>> {
    await Promise.resolve();
    const items = [...this.#store(ref).values()].filter((o) => matches(o, options));
    return { items: items as T[], resourceVersion: String(this.#version) };
  }

  async create<T>(
    ref: ResourceRef,
    object: object,
    options: WriteOptions & { namespace?: string; name?: string; subresource?: string } = {},
  ): Promise<T> {
    await Promise.resolve();
    this.#write(
      'create',
      ref,
      {
        namespace: options.namespace ?? (object as KubeObject).metadata?.namespace,
        name: options.name ?? (object as KubeObject).metadata?.name,
        subresource: options.subresource,
      },
      object,
    );
    if (options.subresource === 'binding') return this.#bind(ref, options, object) as T;
    if (options.subresource === 'eviction')
      return (await this.delete(ref, { namespace: options.namespace, name: options.name! })) as T;
    const made = deepCopy(object) as KubeObject;
    made.apiVersion ??= ref.group ? `${ref.group}/${ref.version}` : ref.version;
    made.kind ??= ref.kind;
    const meta = (made.metadata ??= {});
    if (ref.namespaced) meta.namespace = options.namespace ?? meta.namespace ?? 'default';
    if (!meta.name && meta.generateName)
      meta.name = `${meta.generateName}${(this.#version + 1).toString(36).padStart(5, 'x')}`;
    if (this.#store(ref).has(keyOf(made))) throw alreadyExists(ref, meta.name!);
    meta.uid = `uid-${this.#version + 1}`;
    meta.creationTimestamp = timeOf(this.#clock.now());
    meta.generation = 1;
    return this.#put(ref, made, 'ADDED') as T;
  }

  async update<T>(
    ref: ResourceRef,
    object: object,
    options: WriteOptions & { subresource?: string } = {},
  ): Promise<T> {
    await Promise.resolve();
    const next = deepCopy(object) as KubeObject;
    this.#write(
      'update',
      ref,
      {
        namespace: next.metadata.namespace,
        name: next.metadata.name,
        subresource: options.subresource,
      },
      object,
    );
    return this.#change(
      ref,
      next.metadata.namespace,
      next.metadata.name!,
      options.subresource,
      () => next,
    ) as T;
  }

  async patch<T>(
    ref: ResourceRef,
    target: Target,
    patch: Patch,
    _options: WriteOptions = {},
  ): Promise<T> {
    await Promise.resolve();
    this.#write('patch', ref, target, patch.body);
    if (patch.type === 'apply' && !this.#store(ref).has(key(ref, target.namespace, target.name))) {
      return this.create<T>(ref, patch.body as object, { namespace: target.namespace });
    }
    return this.#change(ref, target.namespace, target.name, target.subresource, (old) => {
      if (patch.type === 'json') throw new TypeError('the fake client does not know JSON patches');
      return asObject(merge(fieldsOf(deepCopy(old)), patch.body as Json));
    }) as T;
  }

  async delete(ref: ResourceRef, target: Target, options: DeleteOptions = {}): Promise<KubeObject> {
    await Promise.resolve();
    this.#write('delete', ref, target, options);
    const old = this.#present(ref, target.namespace, target.name);
    if (options.preconditions?.uid && options.preconditions.uid !== old.metadata.uid)
      throw conflict(ref, target.name, 'the UID in the precondition does not match');
    const finalizers = [...(old.metadata.finalizers ?? [])];
    if (options.propagationPolicy === 'Foreground') finalizers.push('foregroundDeletion');
    if (options.propagationPolicy === 'Orphan') finalizers.push('orphan');
    const graceful =
      ref.resource === 'pods' &&
      ref.group === '' &&
      (fieldsOf(old)['spec'] as Json | undefined)?.['nodeName'] !== undefined &&
      options.gracePeriodSeconds !== 0;
    if (finalizers.length === 0 && !graceful) return this.#remove(ref, old);
    const next = deepCopy(old);
    next.metadata.finalizers = [...new Set(finalizers)];
    next.metadata.deletionTimestamp ??= timeOf(this.#clock.now());
    next.metadata.deletionGracePeriodSeconds = graceful ? 30 : 0;
    return this.#put(ref, next, 'MODIFIED');
  }

  async deleteCollection(ref: ResourceRef, options: ListOptions & DeleteOptions): Promise<void> {
    for (const object of this.all(ref)) {
      if (matches(object, options))
        await this.delete(
          ref,
          { namespace: object.metadata.namespace, name: object.metadata.name! },
          options,
        );
    }
  }

  watch<T>(ref: ResourceRef, options: WatchOptions, handlers: WatchHandlers<T>): WatchHandle {
    const watcher: Watcher = { options, handlers: handlers as WatchHandlers<KubeObject> };
    let stopped = false;
    queueMicrotask(() => {
      if (stopped) return;
      if (options.sendInitialEvents) {
        for (const object of this.#store(ref).values())
          if (matches(object, options)) watcher.handlers.onEvent('ADDED', object);
        watcher.handlers.onSynced?.(String(this.#version));
      }
      this.#watchersOf(ref).add(watcher);
    });
    return {
      stop: () => {
        stopped = true;
        this.#watchersOf(ref).delete(watcher);
      },
    };
  }

  /** Ends all watches of a kind with an error, as a lost connection does. */
  breakWatches(ref: ResourceRef, error: Error): void {
    const watchers = [...this.#watchersOf(ref)];
    this.#watchersOf(ref).clear();
    for (const w of watchers) w.handlers.onEnd(error);
  }

  raw(): Promise<{ status: number; body: Buffer }> {
    return Promise.resolve({ status: 404, body: Buffer.alloc(0) });
  }

  #bind(
    ref: ResourceRef,
    options: { namespace?: string; name?: string },
    binding: object,
  ): KubeObject {
    const node = ((binding as Json)['target'] as Json)['name'];
    return this.#change(ref, options.namespace, options.name!, undefined, (old) =>
      asObject(merge(fieldsOf(deepCopy(old)), { spec: { nodeName: node } })),
    );
  }

  #write(
    verb: string,
    ref: ResourceRef,
    target: { namespace?: string; name?: string; subresource?: string },
    body: unknown,
  ): void {
    this.writes.push({
      verb,
      resource: ref.resource,
      target: key(ref, target.namespace, target.name ?? ''),
      subresource: target.subresource,
      body,
    });
    this.intercept?.(verb, ref, target, body);
  }

  #change(
    ref: ResourceRef,
    namespace: string | undefined,
    name: string,
    subresource: string | undefined,
    edit: (old: KubeObject) => KubeObject,
  ): KubeObject {
    const old = this.#present(ref, namespace, name);
    const next = edit(old);
    const expected = next.metadata.resourceVersion;
    if (expected && expected !== old.metadata.resourceVersion)
      throw conflict(ref, name, modifiedConflict);
    if (subresource === 'status') {
      const status = fieldsOf(next)['status'];
      const kept = deepCopy(old);
      // As the real status strategies of workloads do: only spec and labels are out of reach.
      if (next.metadata.annotations) kept.metadata.annotations = next.metadata.annotations;
      return this.#put(ref, asObject({ ...kept, status }), 'MODIFIED');
    }
    for (const field of ['uid', 'creationTimestamp', 'deletionTimestamp', 'generation'] as const)
      (next.metadata as Json)[field] = old.metadata[field];
    if (JSON.stringify(fieldsOf(next)['spec']) !== JSON.stringify(fieldsOf(old)['spec']))
      next.metadata.generation = (old.metadata.generation ?? 0) + 1;
    if (
      ref.resource !== 'pods' &&
      fieldsOf(old)['status'] !== undefined &&
      fieldsOf(next)['status'] === undefined
    )
      fieldsOf(next)['status'] = fieldsOf(old)['status'];
    if (
      next.metadata.deletionTimestamp &&
      (next.metadata.finalizers ?? []).length === 0 &&
      ref.resource !== 'pods'
    )
      return this.#remove(ref, next);
    return this.#put(ref, next, 'MODIFIED');
  }

  #put(ref: ResourceRef, object: KubeObject, type: 'ADDED' | 'MODIFIED'): KubeObject {
    this.#version += 1;
    object.metadata.resourceVersion = String(this.#version);
    const frozen = deepFreeze(object);
    const old = this.#store(ref).get(keyOf(frozen));
    this.#store(ref).set(keyOf(frozen), frozen);
    this.#tell(ref, type, frozen, old);
    return frozen;
  }

  #remove(ref: ResourceRef, object: KubeObject): KubeObject {
    this.#version += 1;
    const last = deepCopy(object);
    last.metadata.resourceVersion = String(this.#version);
    this.#store(ref).delete(keyOf(last));
    this.#tell(ref, 'DELETED', deepFreeze(last), object);
    return last;
  }

  #tell(
    ref: ResourceRef,
    type: 'ADDED' | 'MODIFIED' | 'DELETED',
    object: KubeObject,
    old: KubeObject | undefined,
  ): void {
    for (const { options, handlers } of [...this.#watchersOf(ref)]) {
      const now = type !== 'DELETED' && matches(object, options);
      const before = old !== undefined && matches(old, options);
      if (now) queueMicrotask(() => handlers.onEvent(before ? 'MODIFIED' : 'ADDED', object));
      else if (before) queueMicrotask(() => handlers.onEvent('DELETED', object));
    }
  }

  #present(ref: ResourceRef, namespace: string | undefined, name: string): KubeObject {
    const found = this.#store(ref).get(key(ref, namespace, name));
    if (!found) throw notFound(ref, name);
    return found;
  }

  #store(ref: ResourceRef): Map<string, KubeObject> {
    const at = `${ref.group}/${ref.resource}`;
    let store = this.#stores.get(at);
    if (!store) this.#stores.set(at, (store = new Map()));
    return store;
  }

  #watchersOf(ref: ResourceRef): Set<Watcher> {
    const at = `${ref.group}/${ref.resource}`;
    let set = this.#watchers.get(at);
    if (!set) this.#watchers.set(at, (set = new Set()));
    return set;
  }
}

function key(ref: ResourceRef, namespace: string | undefined, name: string): string {
  return ref.namespaced ? `${namespace ?? 'default'}/${name}` : name;
}

function matches(
  object: KubeObject,
  options: { namespace?: string; labelSelector?: string },
): boolean {
  if (options.namespace && object.metadata.namespace !== options.namespace) return false;
  return (
    !options.labelSelector ||
    parseLabelSelector(options.labelSelector).matches(object.metadata.labels)
  );
}

function merge(into: Json, patch: Json): Json {
  for (const field in patch) {
    const value = patch[field];
    if (value === null) delete into[field];
    else if (typeof value === 'object' && !Array.isArray(value))
      into[field] = merge(
        (typeof into[field] === 'object' && into[field] !== null ? into[field] : {}) as Json,
        value as Json,
      );
    else into[field] = deepCopy(value);
  }
  return into;
}
