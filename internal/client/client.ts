import type { KubeObject, ResourceRef } from '../api/object.ts';

/**
 * The way to the API server for everything that is not the API server: controllers, scheduler,
 * agent, network. In a server process it is a direct call through the same authentication,
 * authorization and admission (implemented in apiserver/in-process, matched by shape); on an agent
 * it is HTTPS. Objects that come back are deep-frozen and shared: copy before changing
 * (`deepCopy`). Errors are ApiError.
 */
export interface Client {
  get<T = KubeObject>(ref: ResourceRef, target: Target): Promise<T>;
  list<T = KubeObject>(ref: ResourceRef, options?: ListOptions): Promise<ObjectList<T>>;
  create<T = KubeObject>(
    ref: ResourceRef,
    object: object,
    options?: WriteOptions & { namespace?: string; name?: string; subresource?: string },
  ): Promise<T>;
  update<T = KubeObject>(
    ref: ResourceRef,
    object: object,
    options?: WriteOptions & { subresource?: string },
  ): Promise<T>;
  patch<T = KubeObject>(
    ref: ResourceRef,
    target: Target,
    patch: Patch,
    options?: WriteOptions,
  ): Promise<T>;
  delete(ref: ResourceRef, target: Target, options?: DeleteOptions): Promise<KubeObject>;
  deleteCollection(ref: ResourceRef, options: ListOptions & DeleteOptions): Promise<void>;
  /**
   * Watches from `resourceVersion` (or with `sendInitialEvents`) until it ends; see WatchHandlers.
   */
  watch<T = KubeObject>(
    ref: ResourceRef,
    options: WatchOptions,
    handlers: WatchHandlers<T>,
  ): WatchHandle;
  /** Any other call, for documents that are not resources (`/version`, `/openapi/v3`). */
  raw(request: {
    method: string;
    path: string;
    body?: unknown;
    headers?: Record<string, string>;
  }): Promise<{ status: number; body: Buffer }>;
}

export interface Target {
  namespace?: string;
  name: string;
  subresource?: string;
}

export interface ListOptions {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  limit?: number;
  continue?: string;
  resourceVersion?: string;
}

export interface ObjectList<T> {
  items: T[];
  resourceVersion: string;
  continue?: string;
}

export interface WriteOptions {
  fieldManager?: string;
  force?: boolean;
  dryRun?: boolean;
}

export interface DeleteOptions {
  gracePeriodSeconds?: number;
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  preconditions?: { uid?: string; resourceVersion?: string };
}

export interface Patch {
  type: 'json' | 'merge' | 'strategic' | 'apply';
  body: unknown;
}

export interface WatchOptions {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  resourceVersion?: string;
  /** Start with the present state as ADDED events, then `onSynced`, then live events (KEP-3157). */
  sendInitialEvents?: boolean;
}

export interface WatchHandlers<T> {
  onEvent(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: T): void;
  onSynced?(resourceVersion: string): void;
  onBookmark?(resourceVersion: string): void;
  /** The stream ended; undefined = normally. `Expired` means: start over. */
  onEnd(error: Error | undefined): void;
}

export interface WatchHandle {
  stop(): void;
}

/**
 * A local, always-current view of a kind (client-go: informer + lister). Keys are `namespace/name`
 * or `name`. It never goes backwards, survives lost connections by itself, and tells changes in
 * order.
 */
export interface Mirror<T> {
  /** Resolves once the first full state is in. */
  readonly synced: Promise<void>;
  /**
   * True once the first full state is in, false once the server says that it has no such kind, or
   * does not show it to us. A kind that comes later is followed all the same.
   */
  readonly served: Promise<boolean>;
  get(key: string): T | undefined;
  list(namespace?: string): Iterable<T>;
  /** Objects whose index `name` (declared when the mirror was made) holds `value`. */
  byIndex(name: string, value: string): Iterable<T>;
  /**
   * Calls `handler` for each present object as ADDED, then for every change. Returns how to stop.
   */
  onChange(handler: (change: Change<T>) => void): () => void;
  /** The newest resourceVersion this mirror has seen. */
  readonly resourceVersion: string;
  stop(): void;
}

export interface Change<T> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  key: string;
  object: T;
  old: T | undefined;
}

export interface MirrorOptions<T> {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  indexes?: Record<string, (object: T) => string[]>;
}
