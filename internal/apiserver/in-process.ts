import { deepCopy, type KubeObject, type ResourceRef } from '../api/object.ts';
import { ApiError, forbidden, notFound } from '../api/status.ts';
import type { Recorded } from './audit/recorded.ts';
import { beginInside, type AskedInside } from './audit/in-process.ts';
import { denialText } from './authz/authorizer.ts';
import { callHandler } from './http/in-memory.ts';
import { asApiError } from './http/exchange.ts';
import { fieldTerms, selectedName } from './http/request-info.ts';
import { operate } from './operations/operate.ts';
import type { ApiCall, Input, Result } from './operations/operation.ts';
import type { UserInfo } from './authn/user.ts';
import type { DeleteOptions } from './registry/delete.ts';
import type { ListQuery } from './registry/list.ts';
import {
  parsePatch,
  patchTypeOf,
  patchTypes,
  type PatchRequest,
  type PatchType,
} from './registry/patch.ts';
import type { GroupVersionKind } from './registry/resource.ts';
import type { UnstoredKinds } from './registry/unstored-kinds.ts';
import { viewOf, viewsOf } from './registry/stored.ts';
import type { Server } from './server.ts';
import { Watcher, type WatchSink } from './watch/watcher.ts';

interface WriteOptions {
  fieldManager?: string;
  force?: boolean;
  dryRun?: boolean;
}
interface Target {
  namespace?: string;
  name: string;
  subresource?: string;
}
interface ListOptions {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  limit?: number;
  continue?: string;
  resourceVersion?: string;
}
interface WatchOptions {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  resourceVersion?: string;
  sendInitialEvents?: boolean;
}
interface WatchHandlers<T> {
  onEvent(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: T): void;
  onSynced?(resourceVersion: string): void;
  onBookmark?(resourceVersion: string): void;
  onEnd(error: Error | undefined): void;
}

/** What the caller hands over, as it is; an operation gets copies. */
interface Given {
  object?: object;
  patch?: { type: PatchType; body: unknown; force: boolean };
  deleteOptions?: DeleteOptions;
  query?: ListQuery;
}

interface Asked extends AskedInside {
  options?: WriteOptions;
  fieldSelector?: string;
}

const ok = 200;
const nothing: Given = {};

/**
 * The client of everything that runs in the server's own process (shape: internal/client Client).
 * The same authorization, operations and audit as over HTTPS, without HTTP: reads hand out the
 * shared frozen objects.
 */
export class InProcessClient {
  readonly #server: Server;
  readonly #user: UserInfo;
  readonly #manager: string;

  constructor(server: Server, user: UserInfo) {
    this.#server = server;
    this.#user = {
      ...user,
      groups: user.groups.includes('system:authenticated')
        ? user.groups
        : [...user.groups, 'system:authenticated'],
      inside: true,
    };
    this.#manager = user.name.split(':').at(-1) ?? user.name;
  }

  get<T = KubeObject>(ref: ResourceRef, target: Target): Promise<T> {
    const { namespace, name, subresource } = target;
    return this.#run({ verb: 'get', ref, namespace, name, subresource }, nothing) as Promise<T>;
  }

  list<T = KubeObject>(
    ref: ResourceRef,
    options: ListOptions = {},
  ): Promise<{ items: T[]; resourceVersion: string; continue?: string }> {
    const { namespace, fieldSelector } = options;
    const asked = { verb: 'list', ref, namespace, fieldSelector };
    return this.#run(asked, { query: options }, listOf) as Promise<ListedObjects<T>>;
  }

  create<T = KubeObject>(
    ref: ResourceRef,
    object: object,
    options: WriteOptions & { namespace?: string; name?: string; subresource?: string } = {},
  ): Promise<T> {
    const meta = (object as Partial<KubeObject>).metadata;
    const asked = {
      verb: 'create',
      ref,
      namespace: options.namespace ?? meta?.namespace,
      name: options.name ?? '',
      subresource: options.subresource,
      options,
    };
    return this.#run(asked, { object }) as Promise<T>;
  }

  async update<T = KubeObject>(
    ref: ResourceRef,
    object: object,
    options: WriteOptions & { subresource?: string } = {},
  ): Promise<T> {
    const { namespace, name = '' } = (object as KubeObject).metadata;
    const { subresource } = options;
    const asked = { verb: 'update', ref, namespace, name, subresource, options };
    return this.#run(asked, { object }) as Promise<T>;
  }

  patch<T = KubeObject>(
    ref: ResourceRef,
    target: Target,
    patch: { type: PatchType; body: unknown },
    options: WriteOptions = {},
  ): Promise<T> {
    const given = { patch: { ...patch, force: options.force ?? false } };
    return this.#run({ verb: 'patch', ref, ...target, options }, given) as Promise<T>;
  }

  delete(ref: ResourceRef, target: Target, options: DeleteOptions = {}): Promise<KubeObject> {
    const given = { deleteOptions: options };
    return this.#run({ verb: 'delete', ref, ...target }, given) as Promise<KubeObject>;
  }

  async deleteCollection(ref: ResourceRef, options: ListOptions & DeleteOptions): Promise<void> {
    const { namespace, fieldSelector } = options;
    const asked = { verb: 'deletecollection', ref, namespace, fieldSelector };
    // Nobody looks at what was deleted but an audit that wants whole answers.
    const given = { query: options, deleteOptions: options };
    const recording = this.#record(asked);
    if (recording)
      await this.#recorded(asked, given, recording.whole ? valueOf : noValue, recording);
    else await this.#perform(asked, given, noValue);
  }

  watch<T = KubeObject>(
    ref: ResourceRef,
    options: WatchOptions,
    handlers: WatchHandlers<T>,
  ): { stop(): void } {
    const { namespace, fieldSelector } = options;
    const asked = { verb: 'watch', ref, namespace, fieldSelector };
    const recording = this.#record(asked);
    recording?.started(ok);
    let watcher: Watcher | undefined;
    let stopped = false;
    const sink: WatchSink = {
      events: (events) => {
        for (const event of events) {
          if (stopped) return;
          handlers.onEvent(event.type, event.object as T);
        }
      },
      bookmark: (revision, initial) => {
        if (!stopped) (initial ? handlers.onSynced : handlers.onBookmark)?.(String(revision));
      },
      ended: (error) => {
        recording?.complete(error ? error.httpStatus : ok);
        if (!stopped) handlers.onEnd(error);
        stopped = true;
      },
    };
    const start = async (): Promise<void> => {
      const call = this.#call(asked, recording);
      const query = {
        ...options,
        ...(options.sendInitialEvents ? { resourceVersionMatch: 'NotOlderThan' } : {}),
      };
      watcher = await Watcher.start(this.#server.core, call, query, sink);
      if (stopped) watcher.stop();
    };
    start().catch((error: unknown) =>
      sink.ended(
        error instanceof ApiError
          ? error
          : new ApiError('InternalError', String(error), { cause: error }),
      ),
    );
    return {
      stop: () => {
        stopped = true;
        watcher?.stop();
        recording?.complete(ok);
      },
    };
  }

  /** A request by its path, in memory: documents, probes, metrics. */
  async raw(request: {
    method: string;
    path: string;
    body?: unknown;
    headers?: Record<string, string>;
  }): Promise<{ status: number; body: Buffer }> {
    return callHandler(this.#server, this.#user, request);
  }

  #run(asked: Asked, given: Given, read: Reader = valueOf): Promise<object> {
    const recording = this.#record(asked);
    return recording
      ? this.#recorded(asked, given, read, recording)
      : this.#perform(asked, given, read);
  }

  async #recorded(asked: Asked, given: Given, read: Reader, recording: Recorded): Promise<object> {
    const body = given.object ?? given.patch?.body ?? given.deleteOptions;
    if (body !== undefined) recording.request(body, { patch: given.patch !== undefined });
    try {
      return await this.#perform(asked, given, read, recording);
    } catch (error) {
      const api = asApiError(error);
      recording.object(api.toStatus());
      recording.complete(api.httpStatus);
      throw error;
    }
  }

  async #perform(asked: Asked, given: Given, read: Reader, recording?: Recorded): Promise<object> {
    const { core, operations, unstored } = this.#server;
    const call = this.#call(asked, recording);
    const result = await operate(core, operations, call, new GivenInput(unstored, call, given));
    const value = await read(call, result);
    recording?.object(value);
    recording?.complete(result.code);
    return value;
  }

  #record(asked: Asked): Recorded | undefined {
    const { audit, core } = this.#server;
    return audit && beginInside(audit, core.random, this.#user, asked);
  }

  /** Authorizes: a call that is returned may be made. */
  #call(asked: Asked, recording: Recorded | undefined): ApiCall {
    const { verb, ref, name = '', subresource = '', options = {}, fieldSelector = '' } = asked;
    const resource = this.#server.core.resources.find(ref.group, ref.version, ref.resource);
    if (!resource) throw notFound({ group: ref.group, resource: ref.resource }, name);
    const namespace = resource.namespaced ? (asked.namespace ?? '') : '';
    const access = {
      user: this.#user,
      verb,
      group: ref.group,
      version: ref.version,
      resource: ref.resource,
      subresource,
      namespace,
      name: name || selectedName(fieldSelector),
      ...(fieldSelector && { fields: fieldTerms(fieldSelector) }),
    };
    const { allowed, reason } = this.#server.authorization.authorizeInside(access);
    recording?.authorized(allowed, reason);
    if (!allowed)
      throw forbidden(
        { group: ref.group, resource: ref.resource },
        name,
        denialText(access, reason),
      );
    return {
      verb,
      user: this.#user,
      resource,
      namespace,
      name,
      subresource,
      dryRun: options.dryRun ?? false,
      fieldManager: options.fieldManager ?? this.#manager,
      validation: 'Ignore',
      warnings: [],
      audit: recording,
    };
  }
}

const noValue = (): object => ({});

interface ListedObjects<T> {
  items: T[];
  resourceVersion: string;
  continue?: string;
}

/** Turns a result into what the caller gets. */
type Reader = (call: ApiCall, result: Result) => object | Promise<object>;

function valueOf(call: ApiCall, result: Result): object | Promise<object> {
  switch (result.kind) {
    case 'record':
      return viewOf(call.resource, result.kv);
    case 'stored':
    case 'deleted':
      return result.written.object;
    case 'list':
      return listOf(call, result);
    case 'unstored':
      return result.object;
    case 'status':
      return result.status;
  }
}

async function listOf(call: ApiCall, result: Result): Promise<object> {
  // A resource that is not stored makes its list itself.
  if (result.kind !== 'list') return { resourceVersion: '', ...(await valueOf(call, result)) };
  const { kvs, revision, continue: next } = result.listed;
  return {
    items: await viewsOf(call.resource, kvs),
    resourceVersion: String(revision),
    ...(next ? { continue: next } : {}),
  };
}

/** What a part of this process hands over: values that it keeps, so each is copied first. */
class GivenInput implements Input {
  readonly #unstored: UnstoredKinds;
  readonly #call: ApiCall;
  readonly #given: Given;

  constructor(unstored: UnstoredKinds, call: ApiCall, given: Given) {
    this.#unstored = unstored;
    this.#call = call;
    this.#given = given;
  }

  async object(): Promise<KubeObject> {
    return this.#call.resource.engine.normalize(deepCopy(this.#given.object)).object;
  }

  async unstored<T>(kind: GroupVersionKind): Promise<T> {
    return this.#unstored.normalize(kind, deepCopy(this.#given.object)).object as T;
  }

  async patch(): Promise<PatchRequest> {
    const { type, body, force } = this.#given.patch as NonNullable<Given['patch']>;
    return {
      type: patchTypeOf(this.#call, patchTypes[type]),
      body: typeof body === 'string' ? parsePatch(type, body) : deepCopy(body),
      force,
    };
  }

  async deleteOptions(): Promise<DeleteOptions> {
    return this.#given.deleteOptions ?? {};
  }

  query(): ListQuery {
    return this.#given.query ?? {};
  }
}
