import { statefulSetDefaults as defaults } from '../../defaults/workloads.ts';
import type { StatefulSet } from '../../generated/types/apps-v1.ts';
import { templateWarnings } from '../../strategy/template-warnings.ts';
import { statefulSet as cells } from '../../table/workload-cells.ts';
import { statefulSet as validation } from '../../validation/workloads.ts';
import { kind } from '../kind.ts';

export const statefulSet = kind<StatefulSet>({
  group: 'apps',
  kind: 'StatefulSet',
  validation,
  strategy: { generation: ['spec'], status: true },
  defaults,
  warnings: templateWarnings('spec.template', false),
  cells,
});
