import type { Clock } from '../../io/clock.ts';
import type { GrpcStatus } from '../../io/grpc-server.ts';
import type { Watch, WatchRequest } from '../../store/store.ts';
import { watchFilters, type WatchResponse } from '../../wire/etcd/types.ts';
import type { EtcdConnection, EtcdStream } from './connection.ts';
import { storeEvent } from './convert.ts';

const firstRetryMs = 100;
const mostRetryMs = 5_000;
/** A request for progress that was passed over is made again after this long. */
const askAgainMs = 200;
/**
 * etcd looks every 100 ms for watches that have begun in the past. Before 3.4.25 and 3.5.8 it
 * answers a request for progress while they are still to be served: what it says in the first
 * moments of such a watch is not believed.
 */
const catchesUpMs = 500;

/**
 * All watches of a process on one stream. When it breaks, a new one goes on with every watch where
 * it was.
 */
export class WatchClient {
  readonly #connection: EtcdConnection;
  readonly #clock: Clock;
  readonly #sawRevision: (revision: number) => void;
  readonly #delivered: (bytes: number) => void;
  readonly #watches = new Map<number, RemoteWatch>();
  #stream: EtcdStream | undefined;
  #nextId = 1;
  #retryMs = firstRetryMs;
  #closed = false;
  readonly #present: () => Promise<number>;
  #asking: ((revision: number) => void)[] = [];

  /**
   * `present` reads the store's revision, as a write that has ended left it; `delivered` hears how
   * many bytes of values came.
   */
  constructor(
    connection: EtcdConnection,
    on: {
      clock: Clock;
      sawRevision(revision: number): void;
      delivered(bytes: number): void;
      present(): Promise<number>;
    },
  ) {
    this.#connection = connection;
    this.#clock = on.clock;
    this.#sawRevision = on.sawRevision;
    this.#delivered = on.delivered;
    this.#present = on.present;
  }

  watch(request: WatchRequest, revision: number): Watch {
    const watch = new RemoteWatch(this, this.#nextId++, request, revision);
    this.#watches.set(watch.id, watch);
    if (this.#stream) this.#create(this.#stream, watch);
    else this.#connect();
    return watch;
  }

  cancel(watch: RemoteWatch): void {
    if (!this.#watches.delete(watch.id)) return;
    this.#stream?.send('WatchRequest', { cancelRequest: { watchId: watch.id } });
  }

  /** The revision up to which every watch of the stream has been served. */
  progress(): Promise<number> {
    return new Promise((resolve) => {
      this.#asking.push(resolve);
      this.#stream?.send('WatchRequest', { progressRequest: {} });
      this.#clock.after(
        'etcd.watch.progress',
        askAgainMs,
        () => void this.#askAgain(resolve).catch(() => undefined),
      );
    });
  }

  /**
   * etcd passes a request over while a watch waits for a revision that is yet to come (3.4.25,
   * 3.5.8 and newer): then the watch has all there is.
   */
  async #askAgain(asked: (revision: number) => void): Promise<void> {
    const waits = (): boolean => !this.#closed && this.#asking.includes(asked);
    if (!waits()) return;
    this.#clock.after(
      'etcd.watch.progress',
      askAgainMs,
      () => void this.#askAgain(asked).catch(() => undefined),
    );
    const present = await this.#present();
    if (!waits()) return;
    const all = [...this.#watches.values()];
    if (all.every((watch) => watch.revision >= present || this.#foundNothing(watch)))
      this.#progressed(present);
    else this.#stream?.send('WatchRequest', { progressRequest: {} });
  }

  close(): void {
    this.#closed = true;
    this.#stream?.cancel();
    for (const watch of [...this.#watches.values()]) watch.end({ reason: 'closed' });
    this.#watches.clear();
  }

  #connect(): void {
    this.#stream = this.#connection.stream<WatchResponse>('Watch/Watch', 'WatchResponse', {
      data: (message) => this.#receive(message),
      ended: (error) => this.#broken(error),
    });
    for (const watch of this.#watches.values()) this.#create(this.#stream, watch);
    if (this.#asking.length > 0) this.#stream.send('WatchRequest', { progressRequest: {} });
  }

  #create(stream: EtcdStream, { id, request, revision }: RemoteWatch): void {
    const filters = (request.filters ?? []).map((f) => watchFilters.indexOf(f));
    stream.send('WatchRequest', {
      createRequest: {
        key: request.key,
        rangeEnd: request.end,
        startRevision: revision + 1,
        prevKv: request.prevKv,
        progressNotify: true,
        filters,
        watchId: id,
      },
    });
  }

  #receive(message: WatchResponse): void {
    this.#retryMs = firstRetryMs;
    const { revision } = message.header;
    const watch = this.#watches.get(message.watchId);
    if (message.canceled) {
      this.#watches.delete(message.watchId);
      this.#sawRevision(revision);
      if (message.compactRevision > 0)
        watch?.end({ reason: 'compacted', compactRevision: message.compactRevision });
      else
        watch?.end({
          reason: 'failed',
          message: message.cancelReason || 'the datastore ended the watch',
        });
      return;
    }
    const events = message.events.map(storeEvent);
    const last = events[events.length - 1];
    // While a watch catches up, the header is ahead of what was told.
    if (last) {
      this.#sawRevision(last.kv.modRevision);
      watch?.deliver(events, last.kv.modRevision);
      this.#delivered(events.reduce((sum, event) => sum + event.kv.value.length, 0));
    } else if (message.created) {
      if (watch) watch.createdMs = this.#clock.monotonicMs();
    } else {
      this.#sawRevision(revision);
      if (watch) watch.revision = Math.max(watch.revision, revision);
      else if (![...this.#watches.values()].some((one) => this.#catchesUp(one)))
        this.#progressed(revision);
    }
  }

  #catchesUp({ request, served, createdMs }: RemoteWatch): boolean {
    if (request.startRevision === undefined || served) return false;
    return createdMs === undefined || this.#clock.monotonicMs() - createdMs < catchesUpMs;
  }

  /** A watch from the past that etcd has looked at, and that nothing came of. */
  #foundNothing(watch: RemoteWatch): boolean {
    return watch.request.startRevision !== undefined && !watch.served && !this.#catchesUp(watch);
  }

  /** Where each watch goes on after a broken stream is not moved by it: that has to be certain. */
  #progressed(revision: number): void {
    const asking = this.#asking;
    this.#asking = [];
    for (const resolve of asking) resolve(revision);
  }

  #broken(_error: GrpcStatus | undefined): void {
    this.#stream = undefined;
    if (this.#closed || (this.#watches.size === 0 && this.#asking.length === 0)) return;
    this.#clock.after('etcd.watch.retry', this.#retryMs, () => {
      if (!this.#closed && !this.#stream) this.#connect();
    });
    this.#retryMs = Math.min(mostRetryMs, this.#retryMs * 2);
  }
}

class RemoteWatch implements Watch {
  readonly id: number;
  readonly request: WatchRequest;
  revision: number;
  /** When etcd said that it has it, by the clock that only grows. */
  createdMs: number | undefined;
  /** Whether an event has come. */
  served = false;
  readonly #client: WatchClient;
  #over = false;

  constructor(client: WatchClient, id: number, request: WatchRequest, revision: number) {
    this.#client = client;
    this.id = id;
    this.request = request;
    this.revision = revision;
  }

  async progress(): Promise<number> {
    return await this.#client.progress();
  }

  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#client.cancel(this);
  }

  deliver(events: Parameters<WatchRequest['onEvents']>[0], revision: number): void {
    if (this.#over) return;
    this.revision = revision;
    this.served = true;
    this.request.onEvents(events, revision);
  }

  end(why: Parameters<WatchRequest['onEnd']>[0]): void {
    if (this.#over) return;
    this.#over = true;
    this.request.onEnd(why);
  }
}
