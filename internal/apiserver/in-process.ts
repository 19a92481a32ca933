import { Buffer } from 'node:buffer';
import { deepCopy, type KubeObject, type ResourceRef } from '../api/object.ts';
import { ApiError, forbidden, notFound } from '../api/status.ts';
import { denialText } from './authz/authorizer.ts';
import type { UserInfo } from './options.ts';
import type { Call } from './registry/call.ts';
import { createObject } from './registry/create.ts';
import { deleteCollection } from './registry/delete-collection.ts';
import { deleteObject, type DeleteOptions } from './registry/delete.ts';
import { getRecord, listRecords } from './registry/list.ts';
import { parsePatch, patchObject } from './registry/patch.ts';
import { viewOf } from './registry/stored.ts';
import { putSource, updateObject } from './registry/update.ts';
import type { Server } from './server.ts';
import { callHandler } from './in-process-call.ts';
import { fieldTerms, selectedName } from './http/request-info.ts';
import { Watcher } from './watch/watcher.ts';

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

/** Subresources that are part of the object; every other goes through its own handler. */
const parts = new Set(['', 'status', 'finalize', 'approval', 'resize', 'ephemeralcontainers']);

/** Whether a call is answered by the registry itself, not by a handler of its own. */
export function isPart(server: Server, ref: ResourceRef, subresource: string): boolean {
  return parts.has(subresource) && !server.virtual.has(`${ref.group}/${ref.resource}`);
}

/**
 * The client of everything that runs in the server's own process (shape: internal/client Client).
 * The same authorization, admission and registry as over HTTPS, without HTTP: reads hand out the
 * shared frozen objects.
 */
export class InProcessClient {
  readonly #server: Server;
  readonly #user: UserInfo;
  readonly #manager: string;
  readonly #audit: Call['audit'];

  /** `audit` takes the annotations of what is asked by this client. */
  constructor(server: Server, user: UserInfo, audit?: Call['audit']) {
    this.#audit = audit;
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

  async get<T = KubeObject>(ref: ResourceRef, target: Target): Promise<T> {
    const call = this.#call('get', ref, target);
    if (!parts.has(call.subresource)) return (await this.#handler('GET', ref, target)) as T;
    return viewOf(call.resource, await getRecord(this.#server.core, call)) as T;
  }

  async list<T = KubeObject>(
    ref: ResourceRef,
    options: ListOptions = {},
  ): Promise<{ items: T[]; resourceVersion: string; continue?: string }> {
    const call = this.#call(
      'list',
      ref,
      { namespace: options.namespace, name: '' },
      {},
      options.fieldSelector,
    );
    const listed = await listRecords(this.#server.core, call, options);
    const items = listed.kvs.map((kv) => viewOf(call.resource, kv) as T);
    return {
      items,
      resourceVersion: String(listed.revision),
      ...(listed.continue ? { continue: listed.continue } : {}),
    };
  }

  async create<T = KubeObject>(
    ref: ResourceRef,
    object: object,
    options: WriteOptions & { namespace?: string; name?: string; subresource?: string } = {},
  ): Promise<T> {
    const meta = (object as Partial<KubeObject>).metadata;
    const target = {
      namespace: options.namespace ?? meta?.namespace,
      name: options.name ?? '',
      subresource: options.subresource,
    };
    const call = this.#call('create', ref, target, options);
    const virtual = this.#server.virtual.has(`${ref.group}/${ref.resource}`);
    if (call.subresource || virtual)
      return (await this.#handler('POST', ref, target, { ...object })) as T;
    const { object: decoded } = call.resource.engine.normalize(deepCopy(object));
    return (await createObject(this.#server.core, call, decoded)).object as T;
  }

  async update<T = KubeObject>(
    ref: ResourceRef,
    object: object,
    options: WriteOptions & { subresource?: string } = {},
  ): Promise<T> {
    const { namespace, name = '' } = (object as KubeObject).metadata;
    const target = { namespace, name, subresource: options.subresource };
    const call = this.#call('update', ref, target, options);
    if (!parts.has(call.subresource)) return (await this.#handler('PUT', ref, target, object)) as T;
    const { object: decoded } = call.resource.engine.normalize(deepCopy(object));
    return (await updateObject(this.#server.core, call, putSource(call, decoded))).object as T;
  }

  async patch<T = KubeObject>(
    ref: ResourceRef,
    target: Target,
    patch: { type: 'json' | 'merge' | 'strategic' | 'apply'; body: unknown },
    options: WriteOptions = {},
  ): Promise<T> {
    const call = this.#call('patch', ref, target, options);
    if (!parts.has(call.subresource))
      return (await this.#handler('PATCH', ref, target, patch.body, {
        'content-type': `application/${patch.type === 'json' ? 'json-patch' : 'merge-patch'}+json`,
      })) as T;
    const body =
      typeof patch.body === 'string' ? parsePatch(patch.type, patch.body) : deepCopy(patch.body);
    return (
      await patchObject(this.#server.core, call, {
        type: patch.type,
        body,
        force: options.force ?? false,
      })
    ).object as T;
  }

  async delete(ref: ResourceRef, target: Target, options: DeleteOptions = {}): Promise<KubeObject> {
    const call = this.#call('delete', ref, target);
    return (await deleteObject(this.#server.core, call, options)).object;
  }

  async deleteCollection(ref: ResourceRef, options: ListOptions & DeleteOptions): Promise<void> {
    const call = this.#call('deletecollection', ref, { namespace: options.namespace, name: '' });
    await deleteCollection(this.#server.core, call, options, options);
  }

  watch<T = KubeObject>(
    ref: ResourceRef,
    options: {
      namespace?: string;
      labelSelector?: string;
      fieldSelector?: string;
      resourceVersion?: string;
      sendInitialEvents?: boolean;
    },
    handlers: {
      onEvent(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: T): void;
      onSynced?(resourceVersion: string): void;
      onBookmark?(resourceVersion: string): void;
      onEnd(error: Error | undefined): void;
    },
  ): { stop(): void } {
    let watcher: Watcher | undefined;
    let stopped = false;
    const sink = {
      events: (events: { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: KubeObject }[]) => {
        for (const event of events) {
          if (stopped) return;
          handlers.onEvent(event.type, event.object as T);
        }
      },
      bookmark: (revision: number, initial: boolean) => {
        if (!stopped) (initial ? handlers.onSynced : handlers.onBookmark)?.(String(revision));
      },
      ended: (error: ApiError | undefined) => {
        if (!stopped) handlers.onEnd(error);
        stopped = true;
      },
    };
    const start = async (): Promise<void> => {
      const call = this.#call(
        'watch',
        ref,
        { namespace: options.namespace, name: '' },
        {},
        options.fieldSelector,
      );
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
      },
    };
  }

  async raw(request: {
    method: string;
    path: string;
    body?: unknown;
    headers?: Record<string, string>;
  }): Promise<{ status: number; body: Buffer }> {
    return callHandler(this.#server, this.#user, request);
  }

  #call(
    verb: string,
    ref: ResourceRef,
    target: Partial<Target>,
    options: WriteOptions = {},
    fieldSelector = '',
  ): Call {
    const resource = this.#server.core.resources.find(ref.group, ref.version, ref.resource);
    const { namespace = '', name = '', subresource = '' } = target;
    if (!resource) throw notFound({ group: ref.group, resource: ref.resource }, name);
    const access = {
      user: this.#user,
      verb,
      group: ref.group,
      version: ref.version,
      resource: ref.resource,
      subresource,
      namespace: resource.namespaced ? namespace : '',
      name: name || selectedName(fieldSelector),
      ...(fieldSelector && { fields: fieldTerms(fieldSelector) }),
    };
    const decision = this.#server.authorization.authorizeInside(access);
    if (!decision.allowed)
      throw forbidden(
        { group: ref.group, resource: ref.resource },
        name,
        denialText(access, decision.reason),
      );
    return {
      user: this.#user,
      resource,
      namespace: resource.namespaced ? namespace : '',
      name,
      subresource,
      dryRun: options.dryRun ?? false,
      fieldManager: options.fieldManager ?? this.#manager,
      validation: 'Ignore',
      warnings: [],
      audit: this.#audit,
    };
  }

  async #handler(
    method: string,
    ref: ResourceRef,
    target: Partial<Target>,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<unknown> {
    const base = ref.group ? `/apis/${ref.group}/${ref.version}` : `/api/${ref.version}`;
    const scope = ref.namespaced && target.namespace ? `/namespaces/${target.namespace}` : '';
    const path =
      `${base}${scope}/${ref.resource}${target.name ? `/${target.name}` : ''}` +
      `${target.subresource ? `/${target.subresource}` : ''}`;
    const done = await this.raw({ method, path, body, headers });
    const parsed = JSON.parse(done.body.toString()) as Record<string, unknown>;
    if (done.status >= 400)
      throw new ApiError((parsed['reason'] ?? '') as never, String(parsed['message'] ?? ''), {
        httpStatus: done.status,
        details: parsed['details'] as never,
      });
    return parsed;
  }
}
