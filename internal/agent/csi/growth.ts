import type { PersistentVolume, PersistentVolumeClaim } from '../../api/generated/types/core-v1.ts';
import { quantityOf } from '../../api/quantity.ts';
import type { Client } from '../../client/client.ts';
import { refs } from '../../client/refs.ts';

/** The size that a volume has been given and its file system has not; undefined when it has. */
export function growthOf(
  { spec }: PersistentVolume,
  { status }: PersistentVolumeClaim,
): string | undefined {
  const size = spec.capacity?.['storage'];
  const has = status?.capacity?.['storage'];
  if (size === undefined || has === undefined) return undefined;
  return quantityOf(size).value() > quantityOf(has).value() ? size : undefined;
}

/** Tells that the file system has the size, as the kubelet does. */
export async function claimGrown(
  client: Client,
  { metadata, status }: PersistentVolumeClaim,
  size: string,
): Promise<void> {
  const { namespace = '', name = '' } = metadata;
  const done = new Set(['Resizing', 'FileSystemResizePending']);
  const body = {
    status: {
      capacity: { storage: size },
      conditions: (status?.conditions ?? []).filter(({ type }) => !done.has(type)),
      allocatedResourceStatuses: { storage: null },
    },
  };
  await client.patch(
    refs.persistentVolumeClaims,
    { namespace, name, subresource: 'status' },
    { type: 'merge', body },
  );
}
