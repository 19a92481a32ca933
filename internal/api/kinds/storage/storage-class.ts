import { storageClassDefaults as defaults } from '../../defaults/policies.ts';
import type { StorageClass } from '../../generated/types/storage-v1.ts';
import { storageClass as cells } from '../../table/storage-cells.ts';
import { storageClass as validation } from '../../validation/storage.ts';
import { kind } from '../kind.ts';

export const storageClass = kind<StorageClass>({
  group: 'storage.k8s.io',
  kind: 'StorageClass',
  validation,
  defaults,
  cells,
  returnsDeleted: true,
});
