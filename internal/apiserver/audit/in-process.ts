import type { KubeObject, ResourceRef } from '../../api/object.ts';
import type { ServerRequest } from '../../io/https-server.ts';
import { asApiError, type Exchange } from '../http/exchange.ts';
import { InProcessClient, isPart } from '../in-process.ts';
import type { UserInfo } from '../options.ts';
import type { Server } from '../server.ts';
import type { Auditor, Recording } from './auditor.ts';

interface Asked {
  verb: string;
  method: string;
  ref: ResourceRef;
  namespace?: string;
  name?: string;
  subresource?: string;
  object?: unknown;
}

const ok = 200;
const made = 201;

/**
 * The client of the server's own parts when there is a policy: what controllers do is audited as if
 * it had come by HTTPS.
 */
export class AuditedClient extends InProcessClient {
  readonly #server: Server;
  readonly #auditor: Auditor;
  readonly #user: UserInfo;

  constructor(server: Server, auditor: Auditor, user: UserInfo) {
    super(server, user);
    this.#server = server;
    this.#auditor = auditor;
    this.#user = user;
  }

  override get<T = KubeObject>(...args: Parameters<InProcessClient['get']>): Promise<T> {
    const [ref, target] = args;
    return this.#audited({ verb: 'get', method: 'GET', ref, ...target }, ok, (client) =>
      client.get<T>(...args),
    );
  }

  override list<T = KubeObject>(
    ...args: Parameters<InProcessClient['list']>
  ): Promise<{ items: T[]; resourceVersion: string; continue?: string }> {
    const [ref, options] = args;
    return this.#audited(
      { verb: 'list', method: 'GET', ref, namespace: options?.namespace },
      ok,
      (client) => client.list<T>(...args),
    );
  }

  override create<T = KubeObject>(...args: Parameters<InProcessClient['create']>): Promise<T> {
    const [ref, object, options] = args;
    const meta = (object as Partial<KubeObject>).metadata;
    const at = {
      namespace: options?.namespace ?? meta?.namespace,
      name: options?.name ?? meta?.name,
      subresource: options?.subresource,
    };
    return this.#audited({ verb: 'create', method: 'POST', ref, ...at, object }, made, (client) =>
      client.create<T>(...args),
    );
  }

  override update<T = KubeObject>(...args: Parameters<InProcessClient['update']>): Promise<T> {
    const [ref, object, options] = args;
    const { namespace, name } = (object as KubeObject).metadata;
    return this.#audited(
      {
        verb: 'update',
        method: 'PUT',
        ref,
        namespace,
        name,
        subresource: options?.subresource,
        object,
      },
      ok,
      (client) => client.update<T>(...args),
    );
  }

  override patch<T = KubeObject>(...args: Parameters<InProcessClient['patch']>): Promise<T> {
    const [ref, target, patch] = args;
    return this.#audited(
      { verb: 'patch', method: 'PATCH', ref, ...target, object: patch.body },
      ok,
      (client) => client.patch<T>(...args),
    );
  }

  override delete(...args: Parameters<InProcessClient['delete']>): Promise<KubeObject> {
    const [ref, target, options] = args;
    return this.#audited(
      { verb: 'delete', method: 'DELETE', ref, ...target, object: options },
      ok,
      (client) => client.delete(...args),
    );
  }

  override deleteCollection(
    ...args: Parameters<InProcessClient['deleteCollection']>
  ): Promise<void> {
    const [ref, options] = args;
    return this.#audited(
      { verb: 'deletecollection', method: 'DELETE', ref, namespace: options.namespace },
      ok,
      (client) => client.deleteCollection(...args),
    );
  }

  override watch<T = KubeObject>(...args: Parameters<InProcessClient['watch']>): { stop(): void } {
    const [ref, options, handlers] = args;
    const recording = this.#begin({
      verb: 'watch',
      method: 'GET',
      ref,
      namespace: options.namespace,
    });
    if (!recording) return super.watch<T>(ref, options, handlers as never);
    recording.started(ok);
    const watch = super.watch<T>(ref, options, {
      ...(handlers as object),
      onEnd: (error: Error | undefined) => {
        recording.complete(error ? asApiError(error).httpStatus : ok);
        handlers.onEnd(error);
      },
    } as never);
    return {
      stop: () => {
        watch.stop();
        recording.complete(ok);
      },
    };
  }

  /** What goes through the HTTP handlers is audited there. */
  #begin(asked: Asked): Recording | undefined {
    const { verb, method, ref, namespace = '', name = '', subresource = '' } = asked;
    if (!isPart(this.#server, ref, subresource)) return undefined;
    const base = ref.group ? `/apis/${ref.group}/${ref.version}` : `/api/${ref.version}`;
    const path = [
      base,
      ...(ref.namespaced && namespace ? ['namespaces', namespace] : []),
      ref.resource,
      ...(name && verb !== 'create' ? [name] : []),
      ...(subresource ? [subresource] : []),
    ].join('/');
    const info = {
      method,
      path,
      query: new Map(),
      isResource: true,
      verb,
      group: ref.group,
      version: ref.version,
      namespace: ref.namespaced ? namespace : '',
      resource: ref.resource,
      subresource,
      name,
      parts: [],
      prefix: '' as const,
      scoped: false,
    };
    const exchange: Exchange = {
      request: { headers: {}, url: path, socket: {} } as ServerRequest,
      answer: undefined as never,
      info,
      user: this.#user,
      real: this.#user,
      warnings: [],
      auditId: this.#server.core.random.uuid(),
    };
    const recording = this.#auditor.begin(exchange);
    if (!recording) return undefined;
    const { allowed, reason } = this.#server.authorization.authorizeInside({
      user: this.#user,
      verb,
      group: ref.group,
      version: ref.version,
      resource: ref.resource,
      subresource,
      namespace: info.namespace,
      name,
    });
    recording.authorized(allowed, reason);
    if (asked.object !== undefined) recording.request(asked.object, { patch: verb === 'patch' });
    return recording;
  }

  async #audited<T>(
    asked: Asked,
    code: number,
    run: (client: InProcessClient) => Promise<T>,
  ): Promise<T> {
    const recording = this.#begin(asked);
    const client = new InProcessClient(this.#server, this.#user, recording);
    if (!recording) return run(client);
    try {
      const done = await run(client);
      recording.object(done);
      recording.complete(code);
      return done;
    } catch (error) {
      const api = asApiError(error);
      recording.object(api.toStatus());
      recording.complete(api.httpStatus);
      throw error;
    }
  }
}
