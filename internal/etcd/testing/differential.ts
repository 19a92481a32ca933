import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { GrpcStatus } from '../../io/grpc-server.ts';
import type { Random } from '../../io/random.ts';
import type { WatchResponse } from '../../wire/etcd/types.ts';
import { EtcdConnection, type EtcdStream } from '../client/connection.ts';
import { RandomOps, type RandomOp } from './random-ops.ts';

const pollMs = 5;
const patienceMs = 20_000;

/** Sends the same random requests to two servers and says where they differ. */
export async function compareServers(options: {
  left: string;
  right: string;
  random: Random;
  forMs: number;
  maxOps?: number;
}): Promise<{ version: string; ops: number; revision: number; events: number }> {
  const run = new Comparison(options.left, options.right, options.random);
  try {
    await run.begin();
    const end = performance.now() + options.forMs;
    while (performance.now() < end && run.ops < (options.maxOps ?? Infinity)) await run.step();
    await run.settleWatches();
    return { version: run.version, ops: run.ops, revision: run.revision, events: run.events };
  } finally {
    run.close();
  }
}

interface WatchLog {
  responses: WatchResponse[];
  events: unknown[];
}

class Side {
  readonly connection: EtcdConnection;
  readonly stream: EtcdStream;
  readonly watches = new Map<number, WatchLog>();

  constructor(endpoint: string) {
    this.connection = new EtcdConnection({ endpoints: [endpoint] });
    this.stream = this.connection.stream<WatchResponse>('Watch/Watch', 'WatchResponse', {
      data: (message) => this.#take(message),
      ended: (error) => {
        if (error) throw new Error(`a watch stream ended: ${error.message}`);
      },
    });
  }

  async ask(op: RandomOp): Promise<unknown> {
    try {
      return normal(
        op.streamed
          ? await this.#askStream(op)
          : await this.connection.call(op.method, op.request, op.answer),
        op.method,
      );
    } catch (error) {
      if (error instanceof GrpcStatus) return { code: error.grpcCode, details: error.message };
      throw error;
    }
  }

  #askStream(op: RandomOp): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const stream = this.connection.stream<unknown>(op.method, op.answer, {
        data: (answer) => {
          resolve(answer);
          stream.end();
        },
        ended: (error) => reject(error ?? new Error(`${op.method}: no answer`)),
      });
      stream.send(...op.request);
    });
  }

  /** A stream whose watches will see nothing, to ask how far it is. */
  watchOnly(watches: object[]): {
    created: number;
    progress: number[];
    ask(): void;
    cancel(): void;
  } {
    const seen = {
      created: 0,
      progress: [] as number[],
      ask: () => stream.send('WatchRequest', { progressRequest: {} }),
      cancel: () => stream.cancel(),
    };
    const stream = this.connection.stream<WatchResponse>('Watch/Watch', 'WatchResponse', {
      data: (message) =>
        message.created
          ? void seen.created++
          : void seen.progress.push(
              message.watchId,
              message.header.revision,
              message.events.length,
            ),
      ended: () => undefined,
    });
    for (const watch of watches) stream.send('WatchRequest', { createRequest: watch });
    return seen;
  }

  log(id: number): WatchLog {
    let log = this.watches.get(id);
    if (!log) this.watches.set(id, (log = { responses: [], events: [] }));
    return log;
  }

  #take(message: WatchResponse): void {
    const log = this.log(message.watchId);
    log.events.push(...message.events.map((e) => normal(e, 'event')));
    if (message.created || message.canceled) log.responses.push(message);
  }
}

class Comparison {
  readonly #left: Side;
  readonly #right: Side;
  readonly #make: RandomOps;
  readonly #recent: string[] = [];
  #open: number[] = [];
  #nextWatch = 1;
  #anyTxnError = false;
  #losesDeletions = false;

  #watchedAt = 0;
  version = '';
  ops = 0;
  revision = 1;
  compacted = 0;
  events = 0;

  constructor(left: string, right: string, random: Random) {
    this.#left = new Side(left);
    this.#right = new Side(right);
    this.#make = new RandomOps(random);
  }

  async begin(): Promise<void> {
    const { version } = await this.#left.connection.call<{ version: string }>(
      'Maintenance/Status',
      ['StatusRequest', {}],
      'StatusResponse',
    );
    this.version = version;
    // Before 3.6 a transaction's puts were all checked before its ranges, so another of several
    // errors wins.
    this.#anyTxnError = /^3\.[0-5]\./.test(version);
    // Before 3.6 (and its last patches) a watch from the very revision of a compaction missed the
    // deletion made there.
    this.#losesDeletions = /^3\.[0-5]\./.test(version);
  }

  async step(): Promise<void> {
    this.ops++;
    if (this.#make.int(25) === 0) return await this.#watchStep();
    const op = this.#make.next(this.revision, this.compacted);
    // A watch that is still reading history when it is compacted is ended, by chance earlier or
    // later.
    if (op.method === 'KV/Compact') {
      await this.#quiet();
      await this.#askProgress();
    }
    this.#note(op);
    const [left, right] = await Promise.all([this.#left.ask(op), this.#right.ask(op)]);
    const bothFailed =
      'code' in (left as object) &&
      'code' in (right as object) &&
      op.method === 'KV/Txn' &&
      this.#anyTxnError;
    if (!bothFailed && !isDeepStrictEqual(left, right)) this.#differ('an answer', left, right);
    const header = (left as { header?: { revision?: number } }).header;
    if (header?.revision !== undefined) this.revision = Math.max(this.revision, header.revision);
    if (op.method === 'KV/Compact' && header)
      this.compacted = (op.request[1] as { revision: number }).revision;
  }

  /** Waits until both sides have told the same number of events, and compares them. */
  async settleWatches(): Promise<void> {
    for (const id of this.#open) {
      const [left, right] = [this.#left.log(id), this.#right.log(id)];
      await this.#until(
        () =>
          left.responses.length > 0 &&
          left.responses.length === right.responses.length &&
          left.events.length === right.events.length,
        () => this.#differ(`watch ${id}`, left, right),
      );
      if (!isDeepStrictEqual(left.events, right.events))
        this.#differ(`events of watch ${id}`, left.events, right.events);
      const answers = (log: WatchLog): unknown =>
        log.responses.map((r) => ({
          created: r.created,
          canceled: r.canceled,
          compactRevision: r.compactRevision,
          cancelReason: r.cancelReason,
        }));
      if (!isDeepStrictEqual(answers(left), answers(right)))
        this.#differ(`answers of watch ${id}`, answers(left), answers(right));
      this.events += left.events.length;
      left.events.length = right.events.length = 0;
    }
    const ended = (id: number): boolean => this.#left.log(id).responses.some((r) => r.canceled);
    this.#open = this.#open.filter((id) => !ended(id));
  }

  /**
   * A server tells progress when it has told every watch of a stream everything. On a stream of its
   * own: etcd tells none where a watch was ever ended by a compaction.
   */
  async #askProgress(): Promise<void> {
    const sides = [this.#left, this.#right].map((side) =>
      side.watchOnly([
        {
          key: '\0',
          rangeEnd: '\0',
          startRevision: Math.min(this.compacted + 1, this.revision),
          filters: [0, 1],
        },
        { key: 'none' },
      ]),
    );
    const never = (): never => this.#differ('progress', sides[0]?.progress, sides[1]?.progress);
    this.#note({ progress: this.revision });
    await this.#until(() => sides.every((s) => s.created === 2), never);
    this.#watchedAt = performance.now();
    await this.#quiet();
    for (const side of sides) side.ask();
    await this.#until(() => sides.every((s) => s.progress.length > 0), never);
    for (const side of sides) side.cancel();
    if (!isDeepStrictEqual(sides[0]?.progress, sides[1]?.progress)) never();
  }

  close(): void {
    for (const side of [this.#left, this.#right]) {
      side.stream.cancel();
      side.connection.close();
    }
  }

  async #watchStep(): Promise<void> {
    await this.settleWatches();
    const sides = [this.#left, this.#right];
    if (this.#open.length > 6) {
      // Cancelled while it still reads history, it was told by chance more or less of it.
      await this.#quiet();
      const id = this.#open[this.#make.int(this.#open.length)];
      if (id === undefined) return;
      this.#note({ cancel: id });
      for (const side of sides)
        side.stream.send('WatchRequest', { cancelRequest: { watchId: id } });
      await this.#until(
        () => sides.every((s) => s.log(id).responses.some((r) => r.canceled)),
        () => this.#differ(`the end of watch ${id}`, this.#left.log(id), this.#right.log(id)),
      );
    } else {
      const watchId = this.#nextWatch++;
      const request: Record<string, unknown> = {
        ...this.#make.watch(this.revision, this.compacted),
        watchId,
      };
      if (this.#losesDeletions && this.compacted > 0 && request['startRevision'] === this.compacted)
        request['startRevision'] = this.compacted + 1;
      this.#note({ watch: request });
      for (const side of sides) side.stream.send('WatchRequest', { createRequest: request });
      if ('rangeEnd' in request && isEmptyRange(request as { key: string; rangeEnd: string })) {
        // Refused watches answer under the id -1.
        await this.#until(
          () => sides.every((s) => s.log(-1).responses.length > 0),
          () => this.#differ('a refused watch', this.#left.log(-1), this.#right.log(-1)),
        );
        const [left, right] = sides.map((s) =>
          s
            .log(-1)
            .responses.splice(0)
            .map((r) => r.cancelReason),
        );
        if (!isDeepStrictEqual(left, right)) this.#differ('a refused watch', left, right);
        return;
      }
      this.#open.push(watchId);
      this.#watchedAt = performance.now();
    }
    await this.settleWatches();
  }

  /**
   * etcd looks at new watches of the past every 100 ms; until then a watch without events looks
   * like one that is up to date.
   */
  async #quiet(): Promise<void> {
    await this.#until(
      () => performance.now() - this.#watchedAt > 300,
      () => this.#differ('time', 0, 0),
    );
    await this.settleWatches();
  }

  async #until(condition: () => boolean, late: () => never): Promise<void> {
    const end = performance.now() + patienceMs;
    while (!condition()) {
      if (performance.now() > end) late();
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }

  #note(what: object): void {
    this.#recent.push(`${this.ops}: ${show(what)}`);
    if (this.#recent.length > 12) this.#recent.shift();
  }

  #differ(what: string, left: unknown, right: unknown): never {
    throw new Error(
      `${what} differs from etcd ${this.version} at op ${this.ops}, revision ` +
        `${this.revision}\nleft  ${show(left)}\nright ${show(right)}\nlast requests:\n` +
        `${this.#recent.join('\n')}`,
    );
  }
}

function isEmptyRange({ key, rangeEnd }: { key: string; rangeEnd: string }): boolean {
  return rangeEnd !== '' && rangeEnd !== '\0' && key >= rangeEnd;
}

/** Longer values are represented by their digest. */
const longestShown = 64;

/** What may differ between two servers with the same data is taken out. */
function normal(value: unknown, method: string): unknown {
  const plain = plainOf(value) as Record<string, unknown>;
  if (method === 'Lease/LeaseTimeToLive') {
    (plain['keys'] as string[]).sort();
    plain['TTL'] = Math.round(Number(plain['TTL']) / 100);
  }
  // New in 3.6.
  if (method === 'Maintenance/HashKV') delete plain['hashRevision'];
  if (method === 'Lease/LeaseLeases')
    (plain['leases'] as { ID: string }[]).sort((a, b) => (a.ID < b.ID ? -1 : 1));
  return plain;
}

function plainOf(value: unknown): unknown {
  if (value instanceof Uint8Array)
    return textOf(Buffer.from(value.buffer, value.byteOffset, value.byteLength));
  if (Array.isArray(value)) return value.map(plainOf);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== 'clusterId' && key !== 'memberId' && key !== 'raftTerm')
      .map(([key, v]) => [key, plainOf(v)]),
  );
}

/** Long bytes by their digest: a failure must stay readable. */
function textOf(bytes: Buffer): string {
  return bytes.length <= longestShown
    ? bytes.toString('latin1')
    : `${bytes.length} bytes ${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}`;
}

function isBytes(v: unknown): v is { data: number[] } {
  return typeof v === 'object' && v !== null && (v as { type?: string }).type === 'Buffer';
}

function show(value: unknown): string {
  return JSON.stringify(value, (_key, v: unknown) =>
    typeof v === 'string' && v.length > 1000
      ? `${v.slice(0, longestShown)}...`
      : isBytes(v)
        ? textOf(Buffer.from(v.data))
        : v,
  );
}
