import { persistentVolumeClaimDefaults as defaults } from '../../defaults/core.ts';
import type { PersistentVolumeClaim } from '../../generated/types/core-v1.ts';
import { claimWarnings as warnings } from '../../strategy/kind-warnings.ts';
import { claimCreate, claimUpdate } from '../../strategy/volumes.ts';
import { claim as cells } from '../../table/storage-cells.ts';
import { persistentVolumeClaim as validation } from '../../validation/volume-records.ts';
import { kind } from '../kind.ts';

export const persistentVolumeClaim = kind<PersistentVolumeClaim>({
  group: '',
  kind: 'PersistentVolumeClaim',
  validation,
  strategy: { status: true, create: claimCreate, update: claimUpdate },
  defaults,
  warnings,
  cells,
  returnsDeleted: true,
});
