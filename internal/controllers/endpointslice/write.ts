import type { EndpointSlice } from '../../api/generated/types/discovery-v1.ts';
import type { OwnerReference } from '../../api/generated/types/meta-v1.ts';
import { refs } from '../../client/refs.ts';
import type { Plan, Write } from '../kit/write.ts';
import type { SliceBody, SlicePlan } from './plan.ts';

const ref = refs.endpointSlices;

/** The writes of a plan of slices for the object that `owner` points to. */
export function sliceWrites(
  plan: SlicePlan,
  { namespace, owner }: { namespace: string; owner: OwnerReference },
): Plan {
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
  return {
    steps: [
      ...create.map((body) => creation(body, namespace, owner)),
      ...update.map(({ slice, body }) => change(slice, body)),
      ...remove.map((object): Write => ({ verb: 'delete', ref, object })),
    ],
  };
}

function creation(body: SliceBody, namespace: string, owner: OwnerReference): Write {
  const { labels, annotations, ...rest } = body;
  const metadata = {
    generateName: `${owner.name}-`,
    namespace,
    labels,
    ...(annotations ? { annotations } : {}),
    ownerReferences: [owner],
  };
  return { verb: 'create', ref, object: { metadata, ...rest } };
}

function change(slice: EndpointSlice, body: SliceBody): Write {
  const { labels, annotations, ...rest } = body;
  const metadata = { ...slice.metadata, labels, ...(annotations ? { annotations } : {}) };
  return { verb: 'update', ref, object: { ...slice, metadata, ...rest } };
}
