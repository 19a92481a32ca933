import { replicaSetDefaults as defaults } from '../../defaults/workloads.ts';
import type { ReplicaSet } from '../../generated/types/apps-v1.ts';
import { templateWarnings } from '../../strategy/template-warnings.ts';
import { replicaSet as cells } from '../../table/workload-cells.ts';
import { replicaSet as validation } from '../../validation/workloads.ts';
import { kind } from '../kind.ts';

export const replicaSet = kind<ReplicaSet>({
  group: 'apps',
  kind: 'ReplicaSet',
  validation,
  strategy: { generation: ['spec'], status: true },
  defaults,
  warnings: templateWarnings('spec.template', true),
  cells,
});
