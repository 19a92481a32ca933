import type { ResourceQuota } from '../../generated/types/core-v1.ts';
import { quotaWarnings as warnings } from '../../strategy/kind-warnings.ts';
import { quota as cells } from '../../table/cluster-cells.ts';
import { resourceQuota as validation } from '../../validation/quotas.ts';
import { kind } from '../kind.ts';

export const resourceQuota = kind<ResourceQuota>({
  group: '',
  kind: 'ResourceQuota',
  validation,
  strategy: { status: true },
  warnings,
  cells,
  returnsDeleted: true,
});
