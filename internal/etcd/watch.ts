import type { Timer } from '../io/clock.ts';
import type { GrpcServerStream } from '../io/grpc-server.ts';
import type { StoreEvent, Watch } from '../store/store.ts';
import { decode, encode } from '../wire/etcd/codec.ts';
import { watchFilters, type WatchCreateRequest, type WatchRequest } from '../wire/etcd/types.ts';
import { maxMessageBytes } from './check.ts';
import { grpc, statusOf } from './errors.ts';
import { GrpcStatus } from '../io/grpc-server.ts';
import type { Face } from './face.ts';

const progressPeriodMs = 600_000;
const invalidWatchId = -1;
/**
 * What may wait for a client that does not read. Beyond it the stream ends: the client starts again
 * where it was.
 */
const maxWaitingBytes = 64 * 1024 * 1024;
/** Room for the rest of a fragment around its events. */
const fragmentRoomBytes = 512;

interface OneWatch {
  id: number;
  /** The part of its answers that says which watch they are for. */
  idBytes: Buffer;
  watch: Watch;
  fragment: boolean;
  /** Wants progress; false for one period after it was sent events. */
  progress: boolean | undefined;
}

/** All watches of one client stream. */
export class WatchStream {
  readonly #face: Face;
  readonly #stream: GrpcServerStream;
  readonly #watches = new Map<number, OneWatch>();
  #nextId = 0;
  #ticker: Timer | undefined;
  #over = false;

  constructor(face: Face, stream: GrpcServerStream) {
    this.#face = face;
    this.#stream = stream;
    stream.onMessage = (bytes) => this.#receive(bytes);
    // A client that will send no more still gets its events, as etcd does it.
    stream.onClosed = () => this.#finish(undefined);
  }

  #receive(bytes: Buffer): void {
    try {
      const request = decode<WatchRequest>('WatchRequest', bytes);
      if (request.createRequest) this.#create(request.createRequest);
      else if (request.cancelRequest) this.#cancel(request.cancelRequest.watchId);
      else if (request.progressRequest) void this.#progressAll();
    } catch (error) {
      this.#finish(statusOf(error));
    }
  }

  #create(request: WatchCreateRequest): void {
    const key = request.key === '' ? '\0' : request.key;
    const end = request.rangeEnd === '' ? undefined : request.rangeEnd;
    if (request.startRevision < 0)
      return this.#refuse('etcdserver: mvcc: required revision has been compacted');
    if (end !== undefined && end !== '\0' && key >= end)
      return this.#refuse('mvcc: watcher range is empty');
    let id = request.watchId;
    if (id === 0) {
      while (this.#watches.has(this.#nextId)) this.#nextId++;
      id = this.#nextId++;
    } else if (this.#watches.has(id)) {
      return this.#refuse('mvcc: duplicate watch ID provided on the WatchStream');
    }
    this.#send({ watchId: id, created: true }, this.#face.store.revision);
    const filters = request.filters.map((f) => watchFilters[f]).filter((f) => f !== undefined);
    const watch = this.#face.store.watch({
      key,
      end,
      startRevision: request.startRevision,
      prevKv: request.prevKv,
      ...(filters.length > 0 ? { filters } : {}),
      onEvents: (events, revision) => this.#events(id, events, revision),
      onEnd: (why) => this.#ended(id, why),
    });
    this.#watches.set(id, {
      id,
      idBytes: encode('WatchResponse', { watchId: id }),
      watch,
      fragment: request.fragment,
      progress: request.progressNotify ? true : undefined,
    });
    if (request.progressNotify)
      this.#ticker ??= this.#face.clock.every('etcd.progress', progressPeriodMs, () =>
        this.#tick(),
      );
  }

  #refuse(cancelReason: string): void {
    this.#send(
      { watchId: invalidWatchId, created: true, canceled: true, cancelReason },
      this.#face.store.revision,
    );
  }

  #cancel(id: number): void {
    const one = this.#watches.get(id);
    if (!one) return;
    this.#watches.delete(id);
    one.watch.cancel();
    this.#send({ watchId: id, canceled: true }, this.#face.store.revision);
  }

  /** Progress for the stream as a whole, told only when every watch of it is up to date. */
  async #progressAll(): Promise<void> {
    for (const one of [...this.#watches.values()]) await one.watch.progress();
    if (!this.#over) this.#send({ watchId: invalidWatchId }, this.#face.store.revision);
  }

  #tick(): void {
    for (const one of this.#watches.values()) {
      if (one.progress === true && one.watch.revision === this.#face.store.revision)
        this.#send({ watchId: one.id }, one.watch.revision);
      if (one.progress !== undefined) one.progress = true;
    }
  }

  #events(id: number, events: StoreEvent[], revision: number): void {
    const one = this.#watches.get(id);
    if (one?.progress === true) one.progress = false;
    const encoded = encodedEvents(events);
    if (one?.fragment && encoded.bytes + fragmentRoomBytes >= maxMessageBytes)
      this.#sendFragments(id, encoded.each, revision);
    else
      this.#write(headOf(this.#face, revision), [
        one?.idBytes ?? encode('WatchResponse', { watchId: id }),
        ...encoded.pieces,
      ]);
  }

  #sendFragments(id: number, events: Buffer[], revision: number): void {
    for (let at = 0; at < events.length;) {
      let bytes = 0;
      let to = at;
      while (
        to < events.length &&
        (to === at || bytes + (events[to] as Buffer).length + fragmentRoomBytes < maxMessageBytes)
      )
        bytes += (events[to++] as Buffer).length;
      this.#write(headOf(this.#face, revision), [
        encode('WatchResponse', { watchId: id, fragment: to < events.length }),
        ...events.slice(at, to),
      ]);
      at = to;
    }
  }

  #ended(id: number, why: { reason: string; compactRevision?: number; message?: string }): void {
    if (this.#over) return;
    this.#watches.delete(id);
    if (why.reason === 'compacted')
      return this.#send(
        { watchId: id, canceled: true, compactRevision: why.compactRevision },
        this.#face.store.revision,
      );
    if (why.reason === 'closed')
      return this.#finish(new GrpcStatus(grpc.unavailable, 'etcdserver: server stopped'));
    this.#send(
      { watchId: id, canceled: true, cancelReason: why.message ?? 'etcdserver: watch canceled' },
      this.#face.store.revision,
    );
  }

  #send(response: object, revision: number): void {
    this.#write(encode('WatchResponse', { header: this.#face.header(revision), ...response }));
  }

  #write(message: Buffer, rest?: Buffer[]): void {
    if (this.#over) return;
    this.#stream.send(message, rest);
    if (this.#stream.waitingBytes > maxWaitingBytes) {
      this.#face.log.warn('a watching client does not read', {
        waitingBytes: this.#stream.waitingBytes,
      });
      this.#finish(
        new GrpcStatus(
          grpc.resourceExhausted,
          'etcdserver: the client does not keep up with its watches',
        ),
      );
    }
  }

  #finish(status: GrpcStatus | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#ticker?.cancel();
    for (const one of this.#watches.values()) one.watch.cancel();
    this.#watches.clear();
    this.#stream.end(status);
  }
}

interface EncodedEvents {
  each: Buffer[];
  bytes: number;
  /**
   * The same bytes: in one piece when they are few, so that a hundred watches do not handle a
   * hundred pieces each.
   */
  pieces: Buffer[];
}

/** Watches of one range get the same array of events: it is encoded once for all of them. */
const encodedLists = new WeakMap<StoreEvent[], EncodedEvents>();
const joinBytes = 8 * 1024;

function encodedEvents(events: StoreEvent[]): EncodedEvents {
  let encoded = encodedLists.get(events);
  if (encoded === undefined) {
    const each = events.map((event) => encode('WatchResponse', { events: [wireEvent(event)] }));
    const bytes = totalOf(each);
    encoded = {
      each,
      bytes,
      pieces: each.length > 1 && bytes <= joinBytes ? [Buffer.concat(each)] : each,
    };
    encodedLists.set(events, encoded);
  }
  return encoded;
}

/**
 * The header is the same for every watch that is told of a revision. Parts of a message may be
 * encoded apart (protobuf merges them).
 */
function headOf(face: Face, revision: number): Buffer {
  const last = lastHeads.get(face);
  if (last?.revision === revision) return last.bytes;
  const bytes = encode('WatchResponse', { header: face.header(revision) });
  lastHeads.set(face, { revision, bytes });
  return bytes;
}

const lastHeads = new WeakMap<Face, { revision: number; bytes: Buffer }>();

function wireEvent({ type, kv, prevKv }: StoreEvent): object {
  return type === 'PUT'
    ? { type: 0, kv, prevKv }
    : { type: 1, kv: { key: kv.key, modRevision: kv.modRevision }, prevKv };
}

function totalOf(buffers: Buffer[]): number {
  let total = 0;
  for (const buffer of buffers) total += buffer.length;
  return total;
}
