import { cronJobDefaults as defaults } from '../../defaults/workloads.ts';
import type { CronJob } from '../../generated/types/batch-v1.ts';
import { jobWarnings } from '../../strategy/template-warnings.ts';
import { cronJob as cells } from '../../table/workload-cells.ts';
import { cronJob as validation } from '../../validation/jobs.ts';
import { kind } from '../kind.ts';

export const cronJob = kind<CronJob>({
  group: 'batch',
  kind: 'CronJob',
  validation,
  strategy: { generation: ['spec'], status: true },
  defaults,
  warnings: jobWarnings('spec.jobTemplate.spec'),
  cells,
});
