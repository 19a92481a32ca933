import type { ResourceClaimTemplate } from '../../generated/types/resource-v1.ts';
import { nameAndAge as cells } from '../../table/storage-cells.ts';
import { resourceClaimTemplate as validation } from '../../validation/devices.ts';
import { kind } from '../kind.ts';

export const resourceClaimTemplate = kind<ResourceClaimTemplate>({
  group: 'resource.k8s.io',
  kind: 'ResourceClaimTemplate',
  validation,
  cells,
  returnsDeleted: true,
});
