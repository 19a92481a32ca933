import { jobDefaults as defaults } from '../../defaults/workloads.ts';
import type { Job } from '../../generated/types/batch-v1.ts';
import { jobWarnings } from '../../strategy/template-warnings.ts';
import { jobCreate } from '../../strategy/workloads.ts';
import { job as cells } from '../../table/workload-cells.ts';
import { job as validation } from '../../validation/jobs.ts';
import { kind } from '../kind.ts';

export const job = kind<Job>({
  group: 'batch',
  kind: 'Job',
  validation,
  strategy: { generation: ['spec'], status: true, create: jobCreate },
  defaults,
  warnings: jobWarnings('spec'),
  cells,
  fields: { 'status.successful': ({ status }) => String(status?.succeeded ?? 0) },
  orphansDependents: true,
});
