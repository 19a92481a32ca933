import type { Random } from '../../io/random.ts';

/** A request of the wire, ready to be sent to two servers. */
export interface RandomOp {
  method: string;
  request: [string, object];
  answer: string;
  /** Asked on a stream of its own. */
  streamed?: boolean;
}

/**
 * Some are larger than a page, some make a response or an event that must be cut, two are larger
 * than a request may be.
 */
const sizes = [5_000, 70_000, 300_000, 300_000, 600_000, 1_600_000, 2_200_000];
const texts = ['', 'x', 'yy', 'zzz', '0'];

/**
 * Random requests over few keys, few leases and revisions around the present, so that they meet.
 */
export class RandomOps {
  readonly #random: Random;
  readonly #keys = [
    'a',
    'b',
    'b/1',
    'b/2',
    'c',
    'c\xff',
    'd',
    'dd',
    '\x01',
    'zz',
    '\x00\xfe\x80',
    `long/${'k'.repeat(3000)}`,
  ];

  constructor(random: Random) {
    this.#random = random;
  }

  next(revision: number, compacted: number): RandomOp {
    const roll = this.#int(100);
    if (roll < 30)
      return { method: 'KV/Put', request: ['PutRequest', this.put()], answer: 'PutResponse' };
    if (roll < 50)
      return {
        method: 'KV/Range',
        request: ['RangeRequest', this.range(revision, compacted)],
        answer: 'RangeResponse',
      };
    if (roll < 60)
      return {
        method: 'KV/DeleteRange',
        request: ['DeleteRangeRequest', this.remove()],
        answer: 'DeleteRangeResponse',
      };
    if (roll < 88)
      return {
        method: 'KV/Txn',
        request: ['TxnRequest', this.txn(revision, compacted, 2)],
        answer: 'TxnResponse',
      };
    if (roll < 89)
      return {
        method: 'Lease/LeaseKeepAlive',
        request: ['LeaseKeepAliveRequest', { ID: this.lease(false) }],
        answer: 'LeaseKeepAliveResponse',
        streamed: true,
      };
    if (roll < 90 && this.#flip())
      return {
        method: 'Maintenance/HashKV',
        request: [
          'HashKVRequest',
          { revision: Math.min(revision + 1, Math.max(compacted, 0) + 1 + this.#int(revision)) },
        ],
        answer: 'HashKVResponse',
      };
    if (roll < 90)
      return {
        method: 'KV/Compact',
        request: [
          'CompactionRequest',
          { revision: this.revision(revision, compacted), physical: this.#flip() },
        ],
        answer: 'CompactionResponse',
      };
    if (roll < 93)
      return {
        method: 'Lease/LeaseGrant',
        request: [
          'LeaseGrantRequest',
          {
            ID: this.lease(false),
            TTL:
              this.#one([1, 2, 5000, 6000, 9_000_000_001]) === 1
                ? 4000
                : this.#one([5000, 6000, 9_000_000_001]),
          },
        ],
        answer: 'LeaseGrantResponse',
      };
    if (roll < 95)
      return {
        method: 'Lease/LeaseRevoke',
        request: ['LeaseRevokeRequest', { ID: this.lease(false) }],
        answer: 'LeaseRevokeResponse',
      };
    if (roll < 98)
      return {
        method: 'Lease/LeaseTimeToLive',
        request: ['LeaseTimeToLiveRequest', { ID: this.lease(false), keys: this.#flip() }],
        answer: 'LeaseTimeToLiveResponse',
      };
    return {
      method: 'Lease/LeaseLeases',
      request: ['LeaseLeasesRequest', {}],
      answer: 'LeaseLeasesResponse',
    };
  }

  watch(revision: number, compacted: number): object {
    const from = this.#int(3) === 0 ? 0 : this.revision(revision, compacted);
    return {
      ...this.span(),
      startRevision: Math.max(0, from),
      prevKv: this.#flip(),
      filters: this.#one([[], [], [], [0], [1], [0, 1]]),
      fragment: this.#flip(),
    };
  }

  put(): object {
    const ignoreValue = this.#int(12) === 0;
    const ignoreLease = this.#int(12) === 0;
    return {
      key: this.#int(60) === 0 ? '' : this.key(),
      value: ignoreValue && this.#int(6) > 0 ? Buffer.alloc(0) : this.value(),
      lease: ignoreLease && this.#int(6) > 0 ? '0' : this.lease(true),
      prevKv: this.#flip(),
      ignoreValue,
      ignoreLease,
    };
  }

  value(): Buffer {
    return this.#int(200) === 0
      ? Buffer.alloc(this.#one(sizes), this.#one(texts) || 'v')
      : Buffer.from(this.#one(texts));
  }

  range(revision: number, compacted: number): object {
    const bound = (): number => (this.#int(8) === 0 ? this.revision(revision, compacted) : 0);
    return {
      ...this.span(),
      limit: this.#int(3) === 0 ? this.#int(6) : 0,
      revision: this.#int(3) === 0 ? this.revision(revision, compacted) : 0,
      sortOrder: this.#int(3) === 0 ? this.#int(3) : 0,
      sortTarget: this.#int(3) === 0 ? this.#int(5) : 0,
      serializable: this.#flip(),
      keysOnly: this.#int(4) === 0,
      countOnly: this.#int(6) === 0,
      minModRevision: bound(),
      maxModRevision: bound(),
      minCreateRevision: bound(),
      maxCreateRevision: bound(),
    };
  }

  remove(): object {
    return { ...this.span(), prevKv: this.#flip() };
  }

  txn(revision: number, compacted: number, depth: number): object {
    const list = (most: number, make: () => object): object[] =>
      Array.from({ length: this.#int(most + 1) }, make);
    const op = (): object => this.op(revision, compacted, depth);
    const many = this.#int(150) === 0 ? 130 : 3;
    return {
      compare: list(2, () => this.compare(revision)),
      success: list(many, op),
      failure: list(3, op),
    };
  }

  op(revision: number, compacted: number, depth: number): object {
    const roll = this.#int(20);
    if (roll < 9) return { requestPut: this.put() };
    if (roll < 13) return { requestRange: this.range(revision, compacted) };
    // Deleting from a key to the end and putting a key in it is refused here and not by etcd.
    if (roll < 16) return { requestDeleteRange: { ...this.remove(), ...this.#pointOrPair() } };
    if (roll < 19 && depth > 0) return { requestTxn: this.txn(revision, compacted, depth - 1) };
    return this.#int(30) === 0 ? {} : { requestRange: this.range(revision, compacted) };
  }

  compare(revision: number): object {
    const target = this.#int(5);
    const near = (): number => this.#one([0, 1, 2, 3, revision, revision - this.#int(10)]);
    return {
      ...this.span(),
      result: this.#int(4),
      target,
      version: target === 0 ? near() : 0,
      createRevision: target === 1 ? near() : 0,
      modRevision: target === 2 ? near() : 0,
      value: target === 3 ? Buffer.from(this.#one(texts)) : Buffer.alloc(0),
      lease: target === 4 ? this.lease(true) : '0',
    };
  }

  span(): { key: string; rangeEnd: string } {
    const key = this.key();
    const roll = this.#int(10);
    if (roll < 5) return { key, rangeEnd: '' };
    if (roll < 6) return { key, rangeEnd: '\0' };
    if (roll < 7) return { key: '\0', rangeEnd: '\0' };
    return { key, rangeEnd: this.key() };
  }

  key(): string {
    return this.#one(this.#keys);
  }

  revision(revision: number, compacted: number): number {
    return this.#one([
      0,
      1,
      compacted - 1,
      compacted,
      compacted + 1,
      revision - 2,
      revision - 1,
      revision,
      revision + 1,
      revision - this.#int(20),
    ]);
  }

  lease(mostlyNone: boolean): string {
    if (mostlyNone && this.#int(5) > 0) return '0';
    return this.#one(['11', '12', '13', '14', '9223372036854775807', '-7']);
  }

  int(below: number): number {
    return this.#int(below);
  }

  #pointOrPair(): { key: string; rangeEnd: string } {
    const key = this.key();
    return { key, rangeEnd: this.#flip() ? '' : this.key() };
  }

  #one<T>(list: T[]): T {
    return list[this.#int(list.length)] as T;
  }

  #flip(): boolean {
    return this.#int(2) === 0;
  }

  #int(below: number): number {
    return this.#random.int(below);
  }
}
