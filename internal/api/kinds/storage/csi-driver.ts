import { csiDriverDefaults as defaults } from '../../defaults/policies.ts';
import type { CSIDriver } from '../../generated/types/storage-v1.ts';
import { bumps } from '../../strategy/keep.ts';
import { csiDriver as cells } from '../../table/storage-cells.ts';
import { csiDriver as validation } from '../../validation/storage.ts';
import { kind } from '../kind.ts';

export const csiDriver = kind<CSIDriver>({
  group: 'storage.k8s.io',
  kind: 'CSIDriver',
  validation,
  strategy: { update: bumps(['spec']) },
  defaults,
  cells,
  lateColumns: [
    ['TokenRequests', 'string', '', 0],
    ['RequiresRepublish', 'boolean', '', 0],
    ['Modes', 'string', '', 0],
    ['Age', 'string', '', 0],
  ],
  returnsDeleted: true,
});
