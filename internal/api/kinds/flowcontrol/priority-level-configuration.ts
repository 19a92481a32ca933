import { priorityLevelConfigurationDefaults as defaults } from '../../defaults/policies.ts';
import type { PriorityLevelConfiguration } from '../../generated/types/flowcontrol-v1.ts';
import { priorityLevel as cells } from '../../table/admin-cells.ts';
import { priorityLevel as validation } from '../../validation/flow-control.ts';
import { kind } from '../kind.ts';

export const priorityLevelConfiguration = kind<PriorityLevelConfiguration>({
  group: 'flowcontrol.apiserver.k8s.io',
  kind: 'PriorityLevelConfiguration',
  validation,
  strategy: { generation: ['spec'], status: true, statusKeeps: 'metadata' },
  defaults,
  cells,
});
