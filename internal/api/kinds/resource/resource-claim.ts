import type { ResourceClaim } from '../../generated/types/resource-v1.ts';
import { claimStatus } from '../../strategy/claim-devices.ts';
import { resourceClaim as cells } from '../../table/storage-cells.ts';
import { resourceClaim as validation } from '../../validation/devices.ts';
import { kind } from '../kind.ts';

export const resourceClaim = kind<ResourceClaim>({
  group: 'resource.k8s.io',
  kind: 'ResourceClaim',
  validation,
  strategy: { status: true, statusUpdate: claimStatus },
  cells,
  returnsDeleted: true,
});
