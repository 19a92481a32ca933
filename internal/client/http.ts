import { IoError } from '../base/errors.ts';
import { apiVersionOf, deepFreeze, type KubeObject, type ResourceRef } from '../api/object.ts';
import { ApiError, type StatusReason } from '../api/status.ts';
import type { Status } from '../api/generated/types/meta-v1.ts';
import {
  openHttpClient,
  type HttpClient,
  type HttpRequest,
  type HttpTls,
} from '../io/http-client.ts';
import type {
  Client,
  DeleteOptions,
  ListOptions,
  ObjectList,
  Patch,
  WatchHandle,
  WatchHandlers,
  WatchOptions,
  WriteOptions,
} from './client.ts';
import { resourcePath, type Query } from './paths.ts';

export interface HttpClientOptions {
  /** `https://host:port`. A function is asked at each new connection. */
  server: string | (() => string);
  ca?: string | Buffer;
  cert?: string | Buffer;
  key?: string | Buffer;
  token?: string | (() => string);
  serverName?: string;
  insecureSkipVerify?: boolean;
  /**
   * Asked at each new connection instead of ca/cert/key, for certificates that are renewed while we
   * run.
   */
  tls?: () => HttpTls;
  userAgent?: string;
  /** How long a call may take to answer. Watches are not bound by it. */
  timeoutMs?: number;
}

const defaultTimeoutMs = 60_000;
/** Ten times what the API server takes in: a line of a watch longer than this is not Kubernetes. */
const longestWatchLine = 32 * 1024 * 1024;

const patchTypes: Record<Patch['type'], string> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

/** A Client that speaks to an API server over HTTPS. `close` ends its connections. */
export function httpClient(options: HttpClientOptions): Client & { close(): void } {
  const { server, token } = options;
  const http = openHttpClient({
    server: typeof server === 'string' ? () => server : server,
    tls:
      options.tls ??
      (() => ({
        ca: options.ca,
        cert: options.cert,
        key: options.key,
        serverName: options.serverName,
        insecureSkipVerify: options.insecureSkipVerify,
      })),
  });
  const headers = (): Record<string, string> => {
    const head: Record<string, string> = {
      accept: 'application/json',
      'user-agent': options.userAgent ?? 'skiff',
    };
    if (token !== undefined)
      head['authorization'] = `Bearer ${typeof token === 'string' ? token : token()}`;
    return head;
  };
  return new HttpApi(http, headers, options.timeoutMs ?? defaultTimeoutMs);
}

class HttpApi implements Client {
  readonly #http: HttpClient;
  readonly #headers: () => Record<string, string>;
  readonly #timeoutMs: number;

  constructor(http: HttpClient, headers: () => Record<string, string>, timeoutMs: number) {
    this.#http = http;
    this.#headers = headers;
    this.#timeoutMs = timeoutMs;
  }

  get<T>(
    ref: ResourceRef,
    target: { namespace?: string; name: string; subresource?: string },
  ): Promise<T> {
    return this.#call<T>('GET', resourcePath(ref, target));
  }

  async list<T>(ref: ResourceRef, options: ListOptions = {}): Promise<ObjectList<T>> {
    const { namespace, ...query } = options;
    const answer = await this.#call<{
      items: T[] | null;
      metadata: { resourceVersion?: string; continue?: string };
    }>('GET', resourcePath(ref, { namespace }, query), { freeze: false });
    const items = answer.items ?? [];
    // Items of typed lists come without kind and apiVersion; readers may rely on both.
    for (const item of items)
      deepFreeze(
        Object.assign(item as KubeObject, { apiVersion: apiVersionOf(ref), kind: ref.kind }),
      );
    return {
      items,
      resourceVersion: answer.metadata.resourceVersion ?? '',
      ...(answer.metadata.continue ? { continue: answer.metadata.continue } : {}),
    };
  }

  create<T>(
    ref: ResourceRef,
    object: object,
    options: WriteOptions & { namespace?: string; name?: string; subresource?: string } = {},
  ): Promise<T> {
    const meta = (object as Partial<KubeObject>).metadata;
    const target = {
      namespace: options.namespace ?? meta?.namespace,
      name: options.name,
      subresource: options.subresource,
    };
    return this.#call<T>('POST', resourcePath(ref, target, writeQuery(options)), {
      body: typed(ref, object, options.subresource),
    });
  }

  update<T>(
    ref: ResourceRef,
    object: object,
    options: WriteOptions & { subresource?: string } = {},
  ): Promise<T> {
    const meta = (object as KubeObject).metadata;
    const target = { namespace: meta.namespace, name: meta.name, subresource: options.subresource };
    return this.#call<T>('PUT', resourcePath(ref, target, writeQuery(options)), {
      body: typed(ref, object, options.subresource),
    });
  }

  patch<T>(
    ref: ResourceRef,
    target: { namespace?: string; name: string; subresource?: string },
    patch: Patch,
    options: WriteOptions = {},
  ): Promise<T> {
    return this.#call<T>('PATCH', resourcePath(ref, target, writeQuery(options)), {
      body: patch.body,
      contentType: patchTypes[patch.type],
    });
  }

  delete(
    ref: ResourceRef,
    target: { namespace?: string; name: string; subresource?: string },
    options: DeleteOptions = {},
  ): Promise<KubeObject> {
    return this.#call<KubeObject>('DELETE', resourcePath(ref, target), {
      body: deleteBody(options),
    });
  }

  async deleteCollection(ref: ResourceRef, options: ListOptions & DeleteOptions): Promise<void> {
    const { namespace, gracePeriodSeconds, propagationPolicy, preconditions, ...query } = options;
    const body = deleteBody({ gracePeriodSeconds, propagationPolicy, preconditions });
    await this.#call('DELETE', resourcePath(ref, { namespace }, query), { body, freeze: false });
  }

  watch<T>(ref: ResourceRef, options: WatchOptions, handlers: WatchHandlers<T>): WatchHandle {
    const stop = new AbortController();
    let over = false;
    const end = (error: Error | undefined): void => {
      if (over) return;
      over = true;
      handlers.onEnd(error);
    };
    const { namespace, sendInitialEvents, ...rest } = options;
    const initial: Query = sendInitialEvents
      ? { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' }
      : {};
    const path = resourcePath(
      ref,
      { namespace },
      { watch: true, allowWatchBookmarks: true, ...initial, ...rest },
    );
    const run = async (): Promise<void> => {
      const lines = watchLines((line) => {
        if (!over) deliver(JSON.parse(line) as WireEvent, handlers);
      });
      let failure: Error | undefined;
      const refused: Buffer[] = [];
      let status = 200;
      const data = (chunk: Buffer): void => {
        if (status !== 200) return void refused.push(chunk);
        if (failure) return;
        try {
          lines(chunk);
        } catch (error) {
          failure = error as Error;
          stop.abort();
        }
      };
      const head = (answer: { status: number }): void => void (status = answer.status);
      const request = {
        method: 'GET',
        path,
        headers: this.#headers(),
        timeoutMs: this.#timeoutMs,
        signal: stop.signal,
      };
      await this.#http.request('watch', request, { head, data }).catch((error: unknown) => {
        throw failure ?? error;
      });
      if (failure) throw failure;
      if (status !== 200) throw errorOf(status, Buffer.concat(refused).toString());
    };
    run().then(
      () => end(undefined),
      (error: unknown) => end(error as Error),
    );
    return {
      stop: () => {
        over = true;
        stop.abort();
      },
    };
  }

  async raw(request: {
    method: string;
    path: string;
    body?: unknown;
    headers?: Record<string, string>;
  }): Promise<{ status: number; body: Buffer }> {
    const body =
      request.body === undefined
        ? undefined
        : typeof request.body === 'string' || request.body instanceof Uint8Array
          ? request.body
          : JSON.stringify(request.body);
    const headers = {
      ...this.#headers(),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...request.headers,
    };
    return this.#exchange('raw', {
      method: request.method,
      path: request.path,
      headers,
      body,
      timeoutMs: this.#timeoutMs,
    });
  }

  close(): void {
    this.#http.close();
  }

  async #exchange(op: string, request: HttpRequest): Promise<{ status: number; body: Buffer }> {
    const chunks: Buffer[] = [];
    const { status } = await this.#http.request(op, request, {
      data: (chunk) => void chunks.push(chunk),
    });
    return { status, body: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks) };
  }

  async #call<T>(
    method: string,
    path: string,
    options: { body?: unknown; contentType?: string; freeze?: boolean } = {},
  ): Promise<T> {
    const headers = this.#headers();
    if (options.body !== undefined)
      headers['content-type'] = options.contentType ?? 'application/json';
    const body = options.body === undefined ? undefined : JSON.stringify(options.body);
    const send = (): ReturnType<HttpApi['raw']> =>
      this.#exchange(method.toLowerCase(), {
        method,
        path,
        headers,
        body,
        timeoutMs: this.#timeoutMs,
      });
    // A read may meet a connection that died while idle; it is safe to ask once more on a new one.
    const answer = await send().catch((error: unknown) => {
      if (
        method === 'GET' &&
        error instanceof IoError &&
        error.code !== 'TIMEOUT' &&
        error.code !== 'CLOSED'
      )
        return send();
      throw error;
    });
    const answered = answer.body.toString();
    if (answer.status >= 300) throw errorOf(answer.status, answered);
    const parsed = JSON.parse(answered) as T;
    return options.freeze === false ? parsed : deepFreeze(parsed);
  }
}

function writeQuery(options: WriteOptions): Query {
  return {
    fieldManager: options.fieldManager,
    force: options.force,
    dryRun: options.dryRun ? 'All' : undefined,
  };
}

/**
 * Objects made by callers may leave out kind and apiVersion: the reference knows them. Subresources
 * have kinds of their own.
 */
function typed(ref: ResourceRef, object: object, subresource: string | undefined): object {
  if ('kind' in object && 'apiVersion' in object) return object;
  return subresource && subresource !== 'status'
    ? object
    : { apiVersion: apiVersionOf(ref), kind: ref.kind, ...object };
}

function deleteBody(options: DeleteOptions): object | undefined {
  if (
    options.gracePeriodSeconds === undefined &&
    !options.propagationPolicy &&
    !options.preconditions
  )
    return undefined;
  return { apiVersion: 'v1', kind: 'DeleteOptions', ...options };
}

function errorOf(httpStatus: number, body: string): ApiError {
  let status: Partial<Status> = {};
  try {
    status = JSON.parse(body) as Partial<Status>;
  } catch {
    // a proxy between us, or a server that is only starting
    status = { message: body.slice(0, 1000) };
  }
  return statusError(status, httpStatus);
}

function statusError(status: Partial<Status>, httpStatus: number): ApiError {
  const reason = (status.reason ??
    (httpStatus === 404
      ? 'NotFound'
      : httpStatus === 429
        ? 'TooManyRequests'
        : httpStatus === 503
          ? 'ServiceUnavailable'
          : '')) as StatusReason;
  return new ApiError(reason, status.message ?? `the server answered ${httpStatus}`, {
    httpStatus: status.code ?? httpStatus,
    details: status.details,
  });
}

interface WireEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  object: KubeObject;
}

/** Cuts a stream of bytes into its lines. */
function watchLines(line: (text: string) => void): (chunk: Buffer) => void {
  let rest: Buffer[] = [];
  let restBytes = 0;
  return (chunk) => {
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      rest.push(chunk.subarray(from, at));
      const whole = rest.length === 1 ? rest[0]! : Buffer.concat(rest);
      rest = [];
      restBytes = 0;
      from = at + 1;
      if (whole.length > 0) line(whole.toString());
    }
    if (from < chunk.length) rest.push(chunk.subarray(from));
    restBytes += chunk.length - from;
    if (restBytes > longestWatchLine)
      throw new IoError(`watch: an event longer than ${longestWatchLine} bytes`, {
        op: 'watch',
        code: 'TOO_LONG',
      });
  };
}

function deliver<T>(event: WireEvent, handlers: WatchHandlers<T>): void {
  if (event.type === 'ERROR') throw statusError(event.object as Partial<Status>, 500);
  if (event.type !== 'BOOKMARK') return handlers.onEvent(event.type, deepFreeze(event.object) as T);
  const { resourceVersion = '', annotations } = event.object.metadata;
  if (annotations?.['k8s.io/initial-events-end'] === 'true') handlers.onSynced?.(resourceVersion);
  else handlers.onBookmark?.(resourceVersion);
}
