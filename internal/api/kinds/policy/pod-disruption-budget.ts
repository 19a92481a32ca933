import type { PodDisruptionBudget } from '../../generated/types/policy-v1.ts';
import { disruptionBudget as cells } from '../../table/workload-cells.ts';
import { podDisruptionBudget as validation } from '../../validation/cluster-kinds.ts';
import { kind } from '../kind.ts';

export const podDisruptionBudget = kind<PodDisruptionBudget>({
  group: 'policy',
  kind: 'PodDisruptionBudget',
  validation,
  strategy: { generation: ['spec'], status: true },
  cells,
});
