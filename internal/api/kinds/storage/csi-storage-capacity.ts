import type { CSIStorageCapacity } from '../../generated/types/storage-v1.ts';
import { csiStorageCapacity as validation } from '../../validation/storage.ts';
import { kind } from '../kind.ts';

export const csiStorageCapacity = kind<CSIStorageCapacity>({
  group: 'storage.k8s.io',
  kind: 'CSIStorageCapacity',
  validation,
  returnsDeleted: true,
});
