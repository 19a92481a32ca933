import { expect, test } from 'vitest';
import { noRoom, StoreError } from '../store/errors.ts';
import { storeErrorOf } from './client/errors.ts';
import { statusOf } from './errors.ts';

test('a full store is told in the words of etcd, and understood by our own client of it', () => {
  const status = statusOf(noRoom());
  expect([status.grpcCode, status.message]).toEqual([
    8,
    'etcdserver: mvcc: database space exceeded',
  ]);
  const back = storeErrorOf(status, 'KV/Put');
  expect([back instanceof StoreError, (back as StoreError).code]).toEqual([true, 'NO_SPACE']);
});
