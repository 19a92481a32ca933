import { persistentVolumeDefaults as defaults } from '../../defaults/core.ts';
import type { PersistentVolume } from '../../generated/types/core-v1.ts';
import { keepStatus } from '../../strategy/keep.ts';
import { persistentVolumeCreate, persistentVolumeStatus } from '../../strategy/volumes.ts';
import { persistentVolume as cells } from '../../table/storage-cells.ts';
import { persistentVolume as validation } from '../../validation/volume-records.ts';
import { kind } from '../kind.ts';

export const persistentVolume = kind<PersistentVolume>({
  group: '',
  kind: 'PersistentVolume',
  validation,
  strategy: {
    create: persistentVolumeCreate,
    update: keepStatus,
    statusUpdate: persistentVolumeStatus,
  },
  defaults,
  cells,
  returnsDeleted: true,
});
