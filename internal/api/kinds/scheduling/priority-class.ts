import { priorityClassDefaults as defaults } from '../../defaults/policies.ts';
import type { PriorityClass } from '../../generated/types/scheduling-v1.ts';
import { priorityClass as cells } from '../../table/cluster-cells.ts';
import { priorityClass as validation } from '../../validation/cluster-kinds.ts';
import { kind } from '../kind.ts';

export const priorityClass = kind<PriorityClass>({
  group: 'scheduling.k8s.io',
  kind: 'PriorityClass',
  validation,
  strategy: { firstGeneration: true },
  defaults,
  cells,
});
