import type { KubeObject, ResourceRef } from '../../internal/api/object.ts';
import type { UserInfo } from '../../internal/apiserver/authn/user.ts';
import { IoError } from '../../internal/base/errors.ts';
import type {
  Client,
  WatchHandle,
  WatchHandlers,
  WatchOptions,
} from '../../internal/client/client.ts';
import type { ProcessClock } from './process-clock.ts';
import type { ServerProcess } from './server.ts';

/** A request that gets no answer is given up after so long, a silent watch too. */
const requestTimeoutMs = 10_000;
const watchSilenceMs = 30_000;

/** The way from one machine to the server. */
export class Link {
  latencyMs = 1;
  #cut = false;
  readonly #server: () => ServerProcess | undefined;
  readonly #changed = new Set<() => void>();

  constructor(server: () => ServerProcess | undefined) {
    this.#server = server;
  }

  get cut(): boolean {
    return this.#cut;
  }

  setCut(cut: boolean): void {
    this.#cut = cut;
    for (const fn of [...this.#changed]) fn();
  }

  onChange(fn: () => void): () => void {
    this.#changed.add(fn);
    return () => void this.#changed.delete(fn);
  }

  /** Who listens there now; refused when nobody does. */
  server(op: string): ServerProcess {
    const server = this.#server();
    if (!server?.serves) throw new IoError(`${op}: ECONNREFUSED`, { op, code: 'ECONNREFUSED' });
    return server;
  }

  /** Resolves when a message is through. Rejects when that takes too long. */
  async pass(op: string, clock: ProcessClock): Promise<void> {
    await clock.sleep('network', this.latencyMs);
    if (!this.#cut) return;
    let healed: () => void = () => undefined;
    const stop = this.onChange(() => {
      if (!this.#cut) healed();
    });
    await Promise.race([
      new Promise<void>((resolve) => (healed = resolve)),
      clock.sleep('network', requestTimeoutMs),
    ]);
    stop();
    if (this.#cut) throw new IoError(`${op}: timeout`, { op, code: 'TIMEOUT' });
  }
}

/** The client of a process on another machine. */
export function remoteClient(link: Link, clock: ProcessClock, user: UserInfo): Client {
  const call = async <T>(op: string, ask: (client: Client) => Promise<T>): Promise<T> => {
    await link.pass(op, clock);
    const server = link.server(op);
    let stop: () => void = () => undefined;
    const ended = new Promise<never>((_resolve, reject) => {
      stop = server.onEnd(() => reject(new IoError(`${op}: closed`, { op, code: 'CLOSED' })));
    });
    ended.catch(() => undefined);
    const answer = await Promise.race([(async () => ask(server.as(user)))(), ended])
      .then((value) => ({ value }))
      .catch((error: unknown) => ({ error }))
      .finally(stop);
    await link.pass(op, clock);
    if ('error' in answer) throw answer.error;
    return answer.value;
  };
  return {
    get: (...args) => call('get', (client) => client.get(...args)),
    list: (...args) => call('list', (client) => client.list(...args)),
    create: (...args) => call('create', (client) => client.create(...args)),
    update: (...args) => call('update', (client) => client.update(...args)),
    patch: (...args) => call('patch', (client) => client.patch(...args)),
    delete: (...args) => call('delete', (client) => client.delete(...args)),
    deleteCollection: (...args) => call('delete', (client) => client.deleteCollection(...args)),
    raw: (...args) => call('raw', (client) => client.raw(...args)),
    watch: <T = KubeObject>(ref: ResourceRef, options: WatchOptions, handlers: WatchHandlers<T>) =>
      remoteWatch({ link, clock, user }, ref, options, handlers),
  };
}

/** Events come late, in their order; while the way is cut they wait, and at last the watch ends. */
function remoteWatch<T>(
  { link, clock, user }: { link: Link; clock: ProcessClock; user: UserInfo },
  ref: ResourceRef,
  options: WatchOptions,
  handlers: WatchHandlers<T>,
): WatchHandle {
  const stops: (() => void)[] = [];
  let over = false;
  let waiting: (() => void)[] = [];
  let flushing = false;
  const end = (error: Error | undefined): void => {
    if (over) return;
    over = true;
    for (const stop of stops) stop();
    handlers.onEnd(error);
  };
  const flush = (): void => {
    flushing = false;
    if (link.cut || clock.dead) return;
    const now = waiting;
    waiting = [];
    for (const tell of now) if (!over) tell();
  };
  const later = (tell: () => void): void => {
    waiting.push(tell);
    if (flushing || link.cut || over) return;
    flushing = true;
    clock.after('network', link.latencyMs, flush);
  };
  const open = async (): Promise<void> => {
    await link.pass('watch', clock);
    if (over) return;
    const server = link.server('watch');
    const closed = new IoError('watch: closed', { op: 'watch', code: 'CLOSED' });
    stops.push(server.onEnd(() => void clock.after('network', link.latencyMs, () => end(closed))));
    stops.push(
      link.onChange(() => {
        if (!link.cut) return later(() => undefined);
        clock.after('network', watchSilenceMs, () => {
          if (link.cut) end(new IoError('watch: timeout', { op: 'watch', code: 'TIMEOUT' }));
        });
      }),
    );
    const inner = server
      .as(user)
      .watch<T>(ref, options, {
        onEvent: (type, object) => later(() => handlers.onEvent(type, object)),
        onSynced: (version) => later(() => handlers.onSynced?.(version)),
        onBookmark: (version) => later(() => handlers.onBookmark?.(version)),
        onEnd: (error) => later(() => end(error)),
      });
    stops.push(() => inner.stop());
  };
  open().catch((error: unknown) => end(error as Error));
  return {
    stop: () => {
      over = true;
      for (const stop of stops) stop();
    },
  };
}
