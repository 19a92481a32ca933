import { StoreError } from '../store/errors.ts';
import { decode, encode } from '../wire/etcd/codec.ts';
import { statusOf } from './errors.ts';
import type { Face, Streaming, Unary } from './face.ts';

const isLeaseNotFound = (error: unknown): boolean =>
  error instanceof StoreError && error.code === 'LEASE_NOT_FOUND';

export function leaseService({ store, header }: Face): {
  unary: Record<string, Unary>;
  streams: Record<string, Streaming>;
} {
  return {
    unary: {
      async LeaseGrant(bytes) {
        const { TTL, ID } = decode<{ TTL: number; ID: string }>('LeaseGrantRequest', bytes);
        const granted = await store.leaseGrant({ ttlSeconds: TTL, id: ID });
        return encode('LeaseGrantResponse', {
          header: header(store.revision),
          ID: granted.id,
          TTL: granted.ttlSeconds,
        });
      },
      async LeaseRevoke(bytes) {
        await store.leaseRevoke(decode<{ ID: string }>('LeaseRevokeRequest', bytes).ID);
        return encode('LeaseRevokeResponse', { header: header(store.revision) });
      },
      async LeaseTimeToLive(bytes) {
        const { ID, keys } = decode<{ ID: string; keys: boolean }>('LeaseTimeToLiveRequest', bytes);
        try {
          const left = await store.leaseTimeToLive(ID, { keys });
          return encode('LeaseTimeToLiveResponse', {
            header: header(store.revision),
            ID,
            TTL: left.ttlSeconds,
            grantedTTL: left.grantedTtlSeconds,
            keys: left.keys,
          });
        } catch (error) {
          if (!isLeaseNotFound(error)) throw error;
          return encode('LeaseTimeToLiveResponse', { header: header(store.revision), ID, TTL: -1 });
        }
      },
      async LeaseLeases() {
        const leases = await store.leases();
        return encode('LeaseLeasesResponse', {
          header: header(store.revision),
          leases: leases.map((ID) => ({ ID })),
        });
      },
    },
    streams: {
      LeaseKeepAlive(stream) {
        // One after the other: answers come in the order of the requests.
        let last: Promise<void> = Promise.resolve();
        stream.onMessage = (bytes) => {
          last = last
            .then(async () => {
              const { ID } = decode<{ ID: string }>('LeaseKeepAliveRequest', bytes);
              const before = header(store.revision);
              const ttl = await store.leaseKeepAlive(ID).then(
                (kept) => kept.ttlSeconds,
                (error: unknown) => (isLeaseNotFound(error) ? 0 : Promise.reject(error)),
              );
              stream.send(encode('LeaseKeepAliveResponse', { header: before, ID, TTL: ttl }));
            })
            .catch((error: unknown) => stream.end(statusOf(error)));
        };
        stream.onEnd = () => void last.then(() => stream.end());
      },
    },
  };
}
