import { daemonSetDefaults as defaults } from '../../defaults/workloads.ts';
import type { DaemonSet } from '../../generated/types/apps-v1.ts';
import { templateWarnings } from '../../strategy/template-warnings.ts';
import { daemonSetCreate, daemonSetUpdate } from '../../strategy/workloads.ts';
import { daemonSet as cells } from '../../table/workload-cells.ts';
import { daemonSet as validation } from '../../validation/workloads.ts';
import { kind } from '../kind.ts';

export const daemonSet = kind<DaemonSet>({
  group: 'apps',
  kind: 'DaemonSet',
  validation,
  strategy: { status: true, create: daemonSetCreate, update: daemonSetUpdate },
  defaults,
  warnings: templateWarnings('spec.template', false),
  cells,
});
