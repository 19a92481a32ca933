import { deploymentDefaults as defaults } from '../../defaults/workloads.ts';
import type { Deployment } from '../../generated/types/apps-v1.ts';
import { templateWarnings } from '../../strategy/template-warnings.ts';
import { deployment as cells } from '../../table/workload-cells.ts';
import { deployment as validation } from '../../validation/workloads.ts';
import { kind } from '../kind.ts';

export const deployment = kind<Deployment>({
  group: 'apps',
  kind: 'Deployment',
  validation,
  strategy: { generation: ['spec', 'metadata.annotations'], status: true, statusKeeps: ['labels'] },
  defaults,
  warnings: templateWarnings('spec.template', true),
  cells,
});
