import { messageOf } from '../../base/errors.ts';
import type { Clock, Timer } from '../../io/clock.ts';
import type { Log } from '../../io/log.ts';
import { StoreError, leaseNotFound } from '../../store/errors.ts';
import { GiveBack, trimProcessQuietly } from '../../store/give-back.ts';
import type * as s from '../../store/store.ts';
import { keyOf } from '../../store/store.ts';
import type {
  DeleteRangeResponse,
  PutResponse,
  RangeResponse,
  StatusResponse,
  TxnResponse,
} from '../../wire/etcd/types.ts';
import { EtcdConnection, neverLeft, type EtcdEndpoints } from './connection.ts';
import {
  deleteMessage,
  keyValue,
  putMessage,
  rangeAnswer,
  rangeMessage,
  txnAnswer,
  txnMessage,
} from './convert.ts';
import { storeErrorOf } from './errors.ts';
import { WatchClient } from './watch-client.ts';

/**
 * Kubernetes' interval and key: API servers of any make that share an etcd agree by it on who
 * compacts.
 */
const usualMs = 300_000;
/**
 * A member that is started again, or an election, takes seconds: callers would rather wait than
 * hear of it.
 */
const patienceMs = 10_000;
const retryMs = 100;
/**
 * A lease lives for some 15 s: its owner must hear soon enough that it was not kept, or that there
 * is none to be had. A member that lost its leader answers after 15 s, wherever the leader is then.
 */
const leaseMs = 5_000;
const compactKey = keyOf('compact_rev_key');

export interface EtcdStoreOptions extends EtcdEndpoints {
  clock: Clock;
  log: Log;
  /** How long history is kept, at least. */
  historyMs?: number | undefined;
  /** Gives back what this process does not need any more, after a flood. */
  collect?: () => void;
}

/**
 * Opens the Store on an etcd cluster: `--datastore-endpoint`. Every write is as durable as etcd's;
 * nothing is soft.
 */
export async function openEtcdStore(options: EtcdStoreOptions): Promise<s.Store> {
  const store = new EtcdStore(options);
  try {
    await store.range({ key: compactKey });
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

class EtcdStore implements s.Store {
  readonly #connection: EtcdConnection;
  readonly #watches: WatchClient;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #giveBack: GiveBack;
  #closed = false;
  readonly #timer: Timer;
  #revision = 0;
  #compactRevision = 0;
  /**
   * The version of the compaction key and the revision when it was seen: what is compacted next.
   */
  #seen = { version: 0, revision: 0 };

  constructor(options: EtcdStoreOptions) {
    this.#connection = new EtcdConnection(options, options.clock);
    this.#log = options.log.named('etcd-client');
    this.#clock = options.clock;
    this.#giveBack = new GiveBack({
      clock: options.clock,
      revision: () => this.#revision,
      collect: options.collect ?? trimProcessQuietly(this.#log),
    });
    this.#watches = new WatchClient(this.#connection, {
      clock: options.clock,
      sawRevision: (revision) => this.#saw(revision),
      delivered: (bytes) => this.#giveBack.moved(bytes),
      present: async () => (await this.range({ key: '/', countOnly: true })).revision,
    });
    this.#timer = options.clock.every(
      'etcd.compact',
      options.historyMs ?? usualMs,
      () => void this.#compactInTurn(),
    );
  }

  get revision(): number {
    return this.#revision;
  }

  get compactRevision(): number {
    return this.#compactRevision;
  }

  async range(request: s.RangeRequest): Promise<s.RangeResponse> {
    return rangeAnswer(
      await this.#call<RangeResponse>(
        'KV/Range',
        'RangeRequest',
        rangeMessage(request),
        'RangeResponse',
      ),
    );
  }

  async put(request: s.PutRequest): Promise<s.PutResponse> {
    const answer = await this.#call<PutResponse>(
      'KV/Put',
      'PutRequest',
      putMessage(request),
      'PutResponse',
    );
    this.#giveBack.moved(request.value?.length ?? 0);
    return {
      revision: answer.header.revision,
      ...(answer.prevKv ? { prevKv: keyValue(answer.prevKv) } : {}),
    };
  }

  async deleteRange(request: s.DeleteRangeRequest): Promise<s.DeleteRangeResponse> {
    const answer = await this.#call<DeleteRangeResponse>(
      'KV/DeleteRange',
      'DeleteRangeRequest',
      deleteMessage(request),
      'DeleteRangeResponse',
    );
    return {
      revision: answer.header.revision,
      deleted: answer.deleted,
      prevKvs: answer.prevKvs.map(keyValue),
    };
  }

  async txn(request: s.TxnRequest): Promise<s.TxnResponse> {
    const answer = await this.#call<TxnResponse>(
      'KV/Txn',
      'TxnRequest',
      txnMessage(request),
      'TxnResponse',
    );
    this.#giveBack.moved(writtenBytes(answer.succeeded ? request.success : request.failure));
    return txnAnswer(answer, answer.header.revision);
  }

  watch(request: s.WatchRequest): s.Watch {
    const start = request.startRevision ?? 0;
    return this.#watches.watch(request, start > 0 ? start - 1 : this.#revision);
  }

  async compact(revision: number): Promise<void> {
    await this.#call('KV/Compact', 'CompactionRequest', { revision }, 'CompactionResponse');
    this.#compactRevision = Math.max(this.#compactRevision, revision);
  }

  async leaseGrant(request: {
    ttlSeconds: number;
    id?: string;
  }): Promise<{ id: string; ttlSeconds: number }> {
    const { ID, TTL } = await this.#call<{ ID: string; TTL: number }>(
      'Lease/LeaseGrant',
      'LeaseGrantRequest',
      { TTL: request.ttlSeconds, ID: request.id },
      'LeaseGrantResponse',
      // One that was granted and nobody heard of runs out by itself.
      leaseMs,
    );
    return { id: ID, ttlSeconds: TTL };
  }

  async leaseRevoke(id: string): Promise<void> {
    await this.#call('Lease/LeaseRevoke', 'LeaseRevokeRequest', { ID: id }, 'LeaseRevokeResponse');
  }

  async leaseKeepAlive(id: string): Promise<{ ttlSeconds: number }> {
    const method = 'Lease/LeaseKeepAlive';
    const unavailable = (why: unknown): Error =>
      storeErrorOf(why ?? new StoreError('UNAVAILABLE', 'no answer'), method);
    const ttlSeconds = await new Promise<number>((resolve, reject) => {
      const stream = this.#connection.stream<{ TTL: number }>(method, 'LeaseKeepAliveResponse', {
        data: (answer) => {
          late.cancel();
          resolve(answer.TTL);
          stream.end();
        },
        ended: (error) => {
          late.cancel();
          reject(unavailable(error));
        },
      });
      // A stream has no deadline of its own, and a member that hangs does not end it.
      const late = this.#clock.after('etcd.keepalive', leaseMs, () => {
        stream.cancel();
        reject(unavailable(undefined));
      });
      stream.send('LeaseKeepAliveRequest', { ID: id });
    });
    if (ttlSeconds <= 0) throw leaseNotFound();
    return { ttlSeconds };
  }

  async leaseTimeToLive(
    id: string,
    options: { keys?: boolean } = {},
  ): Promise<{ ttlSeconds: number; grantedTtlSeconds: number; keys: string[] }> {
    const answer = await this.#call<{ TTL: number; grantedTTL: number; keys: string[] }>(
      'Lease/LeaseTimeToLive',
      'LeaseTimeToLiveRequest',
      { ID: id, keys: options.keys },
      'LeaseTimeToLiveResponse',
    );
    if (answer.TTL < 0) throw leaseNotFound();
    return {
      ttlSeconds: answer.TTL,
      grantedTtlSeconds: answer.grantedTTL,
      keys: answer.keys.sort(),
    };
  }

  async leases(): Promise<string[]> {
    return (
      await this.#call<{ leases: { ID: string }[] }>(
        'Lease/LeaseLeases',
        'LeaseLeasesRequest',
        {},
        'LeaseLeasesResponse',
      )
    ).leases.map((l) => l.ID);
  }

  async size(): Promise<{ bytes: number; inUseBytes: number }> {
    const { dbSize, dbSizeInUse } = await this.#call<StatusResponse>(
      'Maintenance/Status',
      'StatusRequest',
      {},
      'StatusResponse',
    );
    return { bytes: dbSize, inUseBytes: dbSizeInUse };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer.cancel();
    this.#giveBack.stop();
    this.#watches.close();
    this.#connection.close();
  }

  #saw(revision: number): void {
    if (revision > this.#revision) this.#revision = revision;
  }

  async #call<T>(
    method: string,
    message: string,
    request: object,
    answer: string,
    timeoutMs?: number,
  ): Promise<T> {
    const until = this.#clock.monotonicMs() + patienceMs;
    for (;;) {
      try {
        const done = await this.#connection.call<T & { header?: { revision: number } }>(
          method,
          [message, request],
          answer,
          timeoutMs,
        );
        if (done.header) this.#saw(done.header.revision);
        return done;
      } catch (error) {
        const again =
          neverLeft(error) ||
          (method === 'KV/Range' &&
            /leader changed|no leader|leader is not ready|request timed out/.test(
              messageOf(error),
            ));
        if (!again || this.#closed || this.#clock.monotonicMs() > until)
          throw storeErrorOf(error, method);
        await this.#clock.sleep('etcd.retry', retryMs);
      }
    }
  }

  /**
   * Compacts to where the store was an interval ago, if no other server has done so since
   * (apiserver/pkg/storage/etcd3/compact.go).
   */
  async #compactInTurn(): Promise<void> {
    const { version, revision } = this.#seen;
    try {
      const answer = await this.txn({
        compare: [{ key: compactKey, target: 'VERSION', result: 'EQUAL', operand: version }],
        success: [{ op: 'put', key: compactKey, value: Buffer.from(String(revision)) }],
        failure: [{ op: 'range', key: compactKey }],
      });
      const found = answer.responses[0];
      const other = found?.op === 'range' ? found.kvs[0]?.version : undefined;
      this.#seen = {
        version: answer.succeeded ? version + 1 : (other ?? 0),
        revision: answer.revision,
      };
      if (answer.succeeded && revision > 0) await this.compact(revision);
    } catch (error) {
      this.#log.warn('cannot compact the datastore', { error });
    }
  }
}

/** About as many bytes as these put; of a transaction in them, as either of its ways may. */
function writtenBytes(ops: s.Op[]): number {
  return ops.reduce(
    (sum, op) =>
      sum +
      (op.op === 'put'
        ? (op.value?.length ?? 0)
        : op.op === 'txn'
          ? writtenBytes(op.success) + writtenBytes(op.failure)
          : 0),
    0,
  );
}
