import type { PutResponse, RangeResponse, TxnResponse } from '../../wire/etcd/types.ts';
import type { EtcdConnection } from '../client/connection.ts';
import type { Operation } from './linearizability.ts';

/**
 * Carries out one operation of a history and notes what came of it. `pause` is between the read and
 * the write of a compare-and-swap.
 */
export async function perform(
  connection: EtcdConnection,
  key: string,
  o: Operation,
  pause: () => Promise<unknown> | undefined = () => undefined,
): Promise<void> {
  const value = Buffer.from(o.value ?? '');
  if (o.kind === 'write') {
    o.revision = (
      await connection.call<PutResponse>('KV/Put', ['PutRequest', { key, value }], 'PutResponse')
    ).header.revision;
    return;
  }
  const { kvs } = await connection.call<RangeResponse>(
    'KV/Range',
    ['RangeRequest', { key }],
    'RangeResponse',
  );
  const found = kvs[0];
  if (o.kind === 'read') {
    o.revision = found?.modRevision ?? 0;
    o.value = found && Buffer.from(found.value).toString();
    return;
  }
  o.expected = found?.modRevision ?? 0;
  await pause();
  o.calledAt = performance.now();
  const txn = {
    compare: [{ key, target: 2, modRevision: o.expected }],
    success: [{ requestPut: { key, value } }],
    failure: [],
  };
  const answer = await connection.call<TxnResponse>('KV/Txn', ['TxnRequest', txn], 'TxnResponse');
  o.succeeded = answer.succeeded;
  if (answer.succeeded) o.revision = answer.header.revision;
}
