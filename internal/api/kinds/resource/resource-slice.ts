import type { ResourceSlice } from '../../generated/types/resource-v1.ts';
import { dropDisabledSliceFields } from '../../strategy/claim-devices.ts';
import { resourceSlice as cells } from '../../table/storage-cells.ts';
import { resourceSlice as validation } from '../../validation/resource-slices.ts';
import { kind } from '../kind.ts';

export const resourceSlice = kind<ResourceSlice>({
  group: 'resource.k8s.io',
  kind: 'ResourceSlice',
  validation,
  strategy: {
    generation: ['spec'],
    create: (object) => dropDisabledSliceFields(object),
    update: dropDisabledSliceFields,
  },
  cells,
  returnsDeleted: true,
});
