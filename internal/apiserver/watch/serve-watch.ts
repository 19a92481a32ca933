import { Buffer } from 'node:buffer';
import type { ServerResponse } from 'node:http';
import type { KubeObject } from '../../api/object.ts';
import type { ApiError } from '../../api/status.ts';
import { contentTypes, type Wanted } from '../http/negotiate.ts';
import { tableOf, partialOf } from '../http/render.ts';
import { wantedFor } from '../http/wanted.ts';
import { traceHeaders, warningHeader, type Exchange } from '../http/exchange.ts';
import { first } from '../http/request-info.ts';
import { limits } from '../limits.ts';
import type { Call } from '../registry/call.ts';
import { lookAt } from '../registry/stored.ts';
import type { ListQuery } from '../registry/list.ts';
import type { Server } from '../server.ts';
import { encodeWatchFrame } from '../../api/codec/protobuf/envelope.ts';
import { bookmarkObject, jsonEvent } from './encoder.ts';
import { Watcher, type WatchEvent, type WatchSink } from './watcher.ts';

type Query = ListQuery & { allowBookmarks: boolean; timeoutSeconds?: number };

/** GET ?watch=true: a stream of events until the client leaves, time is up or it falls behind. */
export async function serveWatch(
  server: Server,
  exchange: Exchange,
  call: Call,
  query: Query,
): Promise<void> {
  const wanted = wantedFor(exchange, call.resource);
  const stream = new EventStream(server, exchange, call, wanted);
  const watcher = await Watcher.start(
    server.core,
    call,
    { ...query, limit: undefined, continue: undefined },
    stream,
  );
  stream.run(watcher, query);
}

class EventStream implements WatchSink {
  readonly #server: Server;
  readonly #exchange: Exchange;
  readonly #call: Call;
  readonly #wanted: Wanted;
  readonly #answer: ServerResponse;
  readonly #include: string;
  #open = false;
  #done = false;
  #pending: Buffer[] = [];
  #columnsSent = false;
  #stops: (() => void)[] = [];
  #watcher: Watcher | undefined;
  /** Wakes the waiting writers: there is room, or the client is gone. */
  #wake: () => void = () => undefined;

  constructor(server: Server, exchange: Exchange, call: Call, wanted: Wanted) {
    this.#server = server;
    this.#exchange = exchange;
    this.#call = call;
    this.#wanted = wanted;
    this.#answer = exchange.answer as ServerResponse;
    this.#include = first(exchange.info.query, 'includeObject') ?? 'Metadata';
  }

  run(watcher: Watcher, query: Query): void {
    this.#watcher = watcher;
    const protobuf = this.#wanted.format === 'protobuf';
    const headers: Record<string, string | string[]> = {
      ...traceHeaders(this.#exchange),
      'cache-control': 'no-cache, private',
      'content-type': protobuf
        ? 'application/vnd.kubernetes.protobuf;stream=watch'
        : contentTypes.json,
    };
    if (this.#exchange.warnings.length)
      headers['warning'] = this.#exchange.warnings.map(warningHeader);
    this.#answer.writeHead(200, headers);
    this.#answer.flushHeaders?.();
    this.#open = true;
    for (const chunk of this.#pending) this.#answer.write(chunk);
    this.#pending = [];
    if (this.#done) return this.#finish();
    this.#answer.on('drain', () => this.#wake());
    this.#wake();
    const ms = query.timeoutSeconds
      ? query.timeoutSeconds * 1000
      : limits.minWatchMs + this.#server.core.random.int(limits.minWatchMs);
    const timer = this.#server.core.clock.after('watch.timeout', ms, () => this.#finish());
    this.#server.metrics.watches++;
    this.#stops.push(
      () => timer.cancel(),
      () => watcher.stop(),
      () => this.#server.metrics.watches--,
    );
    if (query.allowBookmarks) this.#stops.push(this.#server.bookmarks.join(() => this.#live()));
    this.#stops.push(this.#server.life.onShutdown(() => this.#finish()));
    this.#answer.on('close', () => this.#finish());
    this.#answer.on('error', () => this.#finish());
  }

  events(events: WatchEvent[]): void {
    const chunks = events.map((event) => this.#encode(event));
    this.#write(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks));
  }

  /** The client has taken most of what was written. */
  async ready(): Promise<void> {
    while (!this.#done && (!this.#open || this.#answer.writableLength > limits.watchAheadBytes))
      await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  bookmark(revision: number, initial: boolean): void {
    this.#write(
      this.#frame(
        'BOOKMARK',
        this.#bookmarkForm(bookmarkObject(this.#call.resource, revision, initial)),
      ),
    );
  }

  ended(error: ApiError | undefined): void {
    if (error) this.#write(this.#frame('ERROR', error.toStatus()));
    this.#done = true;
    if (this.#open) this.#finish();
  }

  /** A periodic bookmark tells how far the stream is. */
  #live(): void {
    const revision = this.#watcher?.revision ?? 0;
    if (revision > 0 && !this.#done) this.bookmark(revision, false);
  }

  #encode(event: WatchEvent): Buffer {
    const { resource } = this.#call;
    const { format, as } = this.#wanted;
    if (as?.kind === 'Table') {
      return this.#frame(event.type, this.#table(event.object, as.version));
    }
    if (as)
      return this.#server.encoder.encode(
        event,
        `partial ${format} ${as.version} ${resource.version}`,
        () => this.#frame(event.type, partialOf(event.object, as.version)),
      );
    const name = `${format} ${resource.version}`;
    const { encodeProtobuf } = resource.engine;
    if (format === 'protobuf' && encodeProtobuf)
      return this.#server.encoder.encode(event, name, () =>
        encodeWatchFrame(event.type, encodeProtobuf(this.#once(event))),
      );
    return this.#server.encoder.encode(event, name, () => jsonEvent(resource, event));
  }

  /** The object of an event, to be encoded and released. */
  #once(event: WatchEvent): KubeObject {
    return event.type === 'DELETED' ? event.object : lookAt(this.#call.resource, event.origin);
  }

  /** A bookmark comes in the form of the events. */
  #bookmarkForm(bookmark: KubeObject): object {
    const { as } = this.#wanted;
    if (!as) return bookmark;
    const { creationTimestamp: _none, ...metadata } = bookmark.metadata;
    const bare = { ...bookmark, metadata };
    return as.kind === 'Table'
      ? this.#table(this.#call.resource.engine.normalize(bare).object, as.version)
      : partialOf(bare, as.version);
  }

  /** One row; the columns are sent once. */
  #table(object: KubeObject, version: string): object {
    const table = tableOf(
      this.#call.resource,
      version,
      [object],
      {},
      this.#server.core.clock.now(),
      this.#include,
    ) as Record<string, unknown>;
    if (this.#columnsSent) table['columnDefinitions'] = null;
    this.#columnsSent = true;
    return table;
  }

  #frame(type: string, object: unknown): Buffer {
    if (this.#wanted.format === 'protobuf')
      return encodeWatchFrame(type, this.#server.unstored.encode(object as object));
    return Buffer.from(`${JSON.stringify({ type, object })}\n`);
  }

  #write(chunk: Buffer): void {
    if (!this.#open) {
      this.#pending.push(chunk);
      return;
    }
    if (this.#answer.destroyed) return;
    this.#answer.write(chunk);
    if (this.#answer.writableLength > limits.watchBufferBytes) this.#finish();
  }

  #finish(): void {
    this.#done = true;
    this.#wake();
    for (const stop of this.#stops) stop();
    this.#stops = [];
    this.#watcher?.stop();
    if (!this.#answer.writableEnded) this.#answer.end();
  }
}
