import type { EndpointSlice } from '../../api/generated/types/discovery-v1.ts';
import type { OwnerReference } from '../../api/generated/types/meta-v1.ts';
import type { Client } from '../../client/client.ts';
import { refs } from '../../client/refs.ts';
import type { LastWrite } from '../last-write.ts';
import { isApiError, isNamespaceTerminating } from '../owners.ts';
import type { SlicePlan } from './plan.ts';

/** Carries out a plan of slices for the object `owner` points to. */
export async function writeSlices(
  plan: SlicePlan,
  to: { client: Client; key: string; written: LastWrite; namespace: string; owner: OwnerReference },
): Promise<void> {
  const { client, key, written, namespace, owner } = to;
  // A slice that is to go may serve as one that is to come: one write instead of two, and no gap
  // between them.
  const remove = [...plan.remove];
  const update = [...plan.update];
  const create = plan.create.filter((body) => {
    const at = remove.findIndex(
      (s) =>
        s.addressType === body.addressType &&
        s.metadata.ownerReferences?.some((r) => r.uid === owner.uid),
    );
    if (at < 0) return true;
    update.push({ slice: remove.splice(at, 1)[0]!, body });
    return false;
  });
  for (const body of create) {
    const { labels, annotations, ...rest } = body;
    const metadata = {
      generateName: `${owner.name}-`,
      namespace,
      labels,
      ...(annotations ? { annotations } : {}),
      ownerReferences: [owner],
    };
    try {
      written.note(
        key,
        await client.create<EndpointSlice>(refs.endpointSlices, { metadata, ...rest }),
      );
    } catch (error) {
      if (isNamespaceTerminating(error)) return;
      throw error;
    }
  }
  for (const { slice, body } of update) {
    const { labels, annotations, ...rest } = body;
    const metadata = { ...slice.metadata, labels, ...(annotations ? { annotations } : {}) };
    written.note(
      key,
      await client.update<EndpointSlice>(refs.endpointSlices, { ...slice, metadata, ...rest }),
    );
  }
  for (const slice of remove) {
    await client
      .delete(refs.endpointSlices, { namespace, name: slice.metadata.name! })
      .catch((error: unknown) => {
        if (!isApiError(error, 'NotFound')) throw error;
      });
  }
}
