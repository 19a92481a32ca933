import { ApiError } from '../../api/status.ts';
import { giveWay } from '../../io/give-way.ts';
import type { Call } from './call.ts';
import type { Core } from './core.ts';
import { deleteObject, type DeleteOptions } from './delete.ts';
import { listRecords, type Listed, type ListQuery } from './list.ts';
import { viewOf } from './stored.ts';

/** Objects are deleted in small groups: the store makes one commit of each. */
const atOnce = 32;
/** What one takes of this thread, its events and those who watch included. */
const deletionMs = 0.15;

/**
 * DELETE of a collection: what matches now, one by one; answers with what was there. Everybody else
 * goes before the next group.
 */
export async function deleteCollection(
  core: Core,
  call: Call,
  query: ListQuery,
  options: DeleteOptions,
): Promise<Listed> {
  const listed = await listRecords(core, call, query);
  for (let i = 0; i < listed.kvs.length; i += atOnce) {
    await Promise.all(
      listed.kvs.slice(i, i + atOnce).map(async (kv) => {
        const { namespace = '', name = '' } = viewOf(call.resource, kv).metadata;
        try {
          await deleteObject(core, { ...call, namespace, name }, options);
        } catch (error) {
          if (!(error instanceof ApiError) || error.reason !== 'NotFound') throw error;
        }
      }),
    );
    await giveWay(core.clock, atOnce * deletionMs);
  }
  return listed;
}
