import type { ConfigMap, Pod, Secret } from '../../api/generated/types/core-v1.ts';
import type { ResourceRef } from '../../api/object.ts';
import { ApiError, notFound } from '../../api/status.ts';
import type { Client, WatchHandle } from '../../client/client.ts';
import { refs } from '../../client/refs.ts';
import type { Clock, Timer } from '../../io/clock.ts';
import type { Log } from '../../io/log.ts';

export type ReferenceKind = 'configmaps' | 'secrets';

export interface Reference {
  kind: ReferenceKind;
  namespace: string;
  name: string;
}

/**
 * `holders` are the uids of the pods that name it; `first` is the state found when the watch began.
 */
export type ReferenceListener = (
  reference: Reference,
  holders: ReadonlySet<string>,
  first: boolean,
) => void;

type Stored = (ConfigMap | Secret) & { immutable?: boolean };

interface Watched {
  reference: Reference;
  holders: Set<string>;
  state: 'starting' | 'present' | 'absent' | 'failed';
  object: Stored | undefined;
  error: Error | undefined;
  waiters: (() => void)[];
  handle: WatchHandle | undefined;
  retry: Timer | undefined;
  failures: number;
}

const firstRetryMs = 500;
const longestRetryMs = 30_000;
const refOf: Record<ReferenceKind, ResourceRef> = {
  configmaps: refs.configMaps,
  secrets: refs.secrets,
};

/**
 * The ConfigMaps and Secrets that pods of this node name, each watched by its name alone, as a node
 * may. A watch lives as long as somebody holds it; an immutable object is read once.
 */
export class References {
  readonly #watched = new Map<string, Watched>();
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #listeners = new Set<ReferenceListener>();

  constructor(options: { client: Client; clock: Clock; log: Log }) {
    this.#client = options.client;
    this.#clock = options.clock;
    this.#log = options.log.named('references');
  }

  /**
   * From now on `holder` (a pod's uid) needs exactly `wanted`; what nobody needs any more is
   * forgotten.
   */
  hold(holder: string, wanted: Reference[]): void {
    const keys = new Set(wanted.map(keyOf));
    for (const [key, watched] of this.#watched) {
      if (!keys.has(key)) this.#drop(key, watched, holder);
    }
    for (const reference of wanted) this.#entry(reference).holders.add(holder);
  }

  release(holder: string): void {
    for (const [key, watched] of this.#watched) this.#drop(key, watched, holder);
  }

  /** Calls back when an object that somebody holds appeared, changed or vanished. */
  onChange(listener: ReferenceListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  configMap(namespace: string, name: string): Promise<ConfigMap> {
    return this.#get({ kind: 'configmaps', namespace, name }) as Promise<ConfigMap>;
  }

  secret(namespace: string, name: string): Promise<Secret> {
    return this.#get({ kind: 'secrets', namespace, name }) as Promise<Secret>;
  }

  stop(): void {
    for (const watched of this.#watched.values()) end(watched);
    this.#watched.clear();
  }

  async #get(reference: Reference): Promise<Stored> {
    const watched = this.#watched.get(keyOf(reference));
    // Somebody outside a pod's life asks: answer from the API, remember nothing.
    if (!watched) return this.#read(reference);
    if (watched.state === 'starting')
      await new Promise<void>((resolve) => watched.waiters.push(resolve));
    if (watched.object) return watched.object;
    // The watch may lag behind what the caller's pod already proves to exist.
    if (watched.state === 'absent') return this.#read(reference);
    throw watched.error ?? missing(reference);
  }

  async #read(reference: Reference): Promise<Stored> {
    try {
      return await this.#client.get<Stored>(refOf[reference.kind], {
        namespace: reference.namespace,
        name: reference.name,
      });
    } catch (error) {
      if (error instanceof ApiError && error.reason === 'NotFound') throw missing(reference);
      throw error;
    }
  }

  #entry(reference: Reference): Watched {
    const key = keyOf(reference);
    let watched = this.#watched.get(key);
    if (!watched) {
      watched = {
        reference,
        holders: new Set(),
        state: 'starting',
        object: undefined,
        error: undefined,
        waiters: [],
        handle: undefined,
        retry: undefined,
        failures: 0,
      };
      this.#watched.set(key, watched);
      this.#watch(watched);
    }
    return watched;
  }

  #drop(key: string, watched: Watched, holder: string): void {
    if (!watched.holders.delete(holder) || watched.holders.size > 0) return;
    end(watched);
    this.#watched.delete(key);
  }

  #watch(watched: Watched): void {
    const { kind, namespace, name } = watched.reference;
    let seen: Stored | undefined;
    let synced = false;
    watched.handle = this.#client.watch<Stored>(
      refOf[kind],
      { namespace, fieldSelector: `metadata.name=${name}`, sendInitialEvents: true },
      {
        onEvent: (type, object) => {
          seen = type === 'DELETED' ? undefined : object;
          if (synced) this.#settle(watched, seen);
        },
        onSynced: () => {
          synced = true;
          watched.failures = 0;
          this.#settle(watched, seen);
        },
        onEnd: (error) => this.#ended(watched, error),
      },
    );
    if (watched.object?.immutable) this.#rest(watched);
  }

  #settle(watched: Watched, object: Stored | undefined): void {
    const first = watched.state === 'starting';
    const changed =
      first || watched.object?.metadata.resourceVersion !== object?.metadata.resourceVersion;
    watched.object = object;
    watched.state = object ? 'present' : 'absent';
    watched.error = undefined;
    wake(watched);
    if (changed)
      for (const listener of this.#listeners) listener(watched.reference, watched.holders, first);
    if (object?.immutable) this.#rest(watched);
  }

  /**
   * An immutable object needs no watch: its name can only come to mean something else for new pods.
   */
  #rest(watched: Watched): void {
    watched.handle?.stop();
  }

  #ended(watched: Watched, error: Error | undefined): void {
    if (this.#watched.get(keyOf(watched.reference)) !== watched) return;
    if (watched.object?.immutable && !error) return;
    const expired =
      error instanceof ApiError && (error.reason === 'Expired' || error.reason === 'Gone');
    if (error && !expired) {
      this.#log.debug('watch ended', { ...watched.reference, error });
      if (watched.state === 'starting') {
        watched.state = 'failed';
        watched.error = error;
        wake(watched);
      }
      if (watched.state === 'failed') watched.error = error;
      watched.failures += 1;
    }
    const wait =
      watched.failures === 0
        ? 0
        : Math.min(longestRetryMs, firstRetryMs * 2 ** (watched.failures - 1));
    watched.retry = this.#clock.after('references.retry', wait, () => this.#watch(watched));
  }
}

/** Events say `configmap "x" not found`, in the singular, as the kubelet's own cache does. */
function missing(reference: Reference): ApiError {
  return notFound({ group: '', resource: reference.kind.slice(0, -1) }, reference.name);
}

function keyOf(reference: Reference): string {
  return `${reference.kind}/${reference.namespace}/${reference.name}`;
}

function end(watched: Watched): void {
  watched.retry?.cancel();
  watched.handle?.stop();
  watched.error ??= new Error('no longer watched');
  wake(watched);
}

function wake(watched: Watched): void {
  for (const waiter of watched.waiters.splice(0)) waiter();
}

/**
 * Every ConfigMap and Secret that a pod names in its environments and pull secrets, and those that
 * its volumes show.
 */
export function referencesOf(pod: Pod, inVolumes: Omit<Reference, 'namespace'>[]): Reference[] {
  const namespace = pod.metadata.namespace ?? '';
  const found = new Map<string, Reference>();
  const add = (kind: ReferenceKind, name: string | undefined): void => {
    if (name) found.set(`${kind}/${name}`, { kind, namespace, name });
  };
  for (const { kind, name } of inVolumes) add(kind, name);
  for (const container of [
    ...(pod.spec.initContainers ?? []),
    ...pod.spec.containers,
    ...(pod.spec.ephemeralContainers ?? []),
  ]) {
    for (const from of container.envFrom ?? []) {
      add('configmaps', from.configMapRef?.name);
      add('secrets', from.secretRef?.name);
    }
    for (const variable of container.env ?? []) {
      add('configmaps', variable.valueFrom?.configMapKeyRef?.name);
      add('secrets', variable.valueFrom?.secretKeyRef?.name);
    }
  }
  for (const pull of pod.spec.imagePullSecrets ?? []) add('secrets', pull.name);
  return [...found.values()];
}
