import type * as s from './store.ts';

/**
 * A store in front of another. What reads and writes values is the wrapper's own; revisions, leases
 * and all else pass through.
 */
export abstract class WrappedStore implements s.Store {
  protected readonly inner: s.Store;

  constructor(inner: s.Store) {
    this.inner = inner;
  }

  abstract range(request: s.RangeRequest): Promise<s.RangeResponse>;
  abstract put(request: s.PutRequest): Promise<s.PutResponse>;
  abstract deleteRange(request: s.DeleteRangeRequest): Promise<s.DeleteRangeResponse>;
  abstract txn(request: s.TxnRequest): Promise<s.TxnResponse>;
  abstract watch(request: s.WatchRequest): s.Watch;

  get revision(): number {
    return this.inner.revision;
  }

  get compactRevision(): number {
    return this.inner.compactRevision;
  }

  async compact(revision: number): Promise<void> {
    await this.inner.compact(revision);
  }

  async leaseGrant(request: {
    ttlSeconds: number;
    id?: string;
  }): Promise<{ id: string; ttlSeconds: number }> {
    return await this.inner.leaseGrant(request);
  }

  async leaseRevoke(id: string): Promise<void> {
    await this.inner.leaseRevoke(id);
  }

  async leaseKeepAlive(id: string): Promise<{ ttlSeconds: number }> {
    return await this.inner.leaseKeepAlive(id);
  }

  async leaseTimeToLive(
    id: string,
    options?: { keys?: boolean },
  ): Promise<{ ttlSeconds: number; grantedTtlSeconds: number; keys: string[] }> {
    return await this.inner.leaseTimeToLive(id, options);
  }

  async leases(): Promise<string[]> {
    return await this.inner.leases();
  }

  async size(): Promise<{ bytes: number; inUseBytes: number }> {
    return await this.inner.size();
  }

  async close(): Promise<void> {
    await this.inner.close();
  }
}
