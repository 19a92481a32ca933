import { decode, encode } from '../wire/etcd/codec.ts';
import type * as w from '../wire/etcd/types.ts';
import { checkDelete, checkPut, checkRange, checkTxn, maxRequestBytes } from './check.ts';
import { deleteRequest, putRequest, rangeRequest, responseOp, txnRequest } from './convert.ts';
import { etcdError } from './errors.ts';
import type { Face, Unary } from './face.ts';

export function kvService({ store, header }: Face): Record<string, Unary> {
  const limited = (bytes: Buffer): Buffer => {
    if (bytes.length > maxRequestBytes) throw etcdError.requestTooLarge();
    return bytes;
  };
  return {
    async Range(bytes) {
      const request = decode<w.RangeRequest>('RangeRequest', bytes);
      checkRange(request);
      const { revision, kvs, more, count } = await store.range(rangeRequest(request));
      return encode('RangeResponse', { header: header(revision), kvs, more, count });
    },
    async Put(bytes) {
      const request = decode<w.PutRequest>('PutRequest', bytes);
      checkPut(request);
      limited(bytes);
      const { revision, prevKv } = await store.put(putRequest(request));
      return encode('PutResponse', { header: header(revision), prevKv });
    },
    async DeleteRange(bytes) {
      const request = decode<w.DeleteRangeRequest>('DeleteRangeRequest', bytes);
      checkDelete(request);
      const { revision, deleted, prevKvs } = await store.deleteRange(deleteRequest(request));
      return encode('DeleteRangeResponse', { header: header(revision), deleted, prevKvs });
    },
    async Txn(bytes) {
      const request = decode<w.TxnRequest>('TxnRequest', bytes);
      checkTxn(request);
      limited(bytes);
      const { revision, succeeded, responses } = await store.txn(txnRequest(request));
      return encode('TxnResponse', {
        header: header(revision),
        succeeded,
        responses: responses.map(responseOp),
      });
    },
    async Compact(bytes) {
      const { revision } = decode<{ revision: number; physical: boolean }>(
        'CompactionRequest',
        bytes,
      );
      await store.compact(revision);
      return encode('CompactionResponse', { header: header(store.revision) });
    },
  };
}
