import { replicationControllerDefaults as defaults } from '../../defaults/core.ts';
import type { ReplicationController } from '../../generated/types/core-v1.ts';
import { templateWarnings } from '../../strategy/template-warnings.ts';
import { replicationController as cells } from '../../table/workload-cells.ts';
import { replicationController as validation } from '../../validation/workloads.ts';
import { kind } from '../kind.ts';

export const replicationController = kind<ReplicationController>({
  group: '',
  kind: 'ReplicationController',
  folder: 'controllers',
  validation,
  strategy: { generation: ['spec'], status: true },
  defaults,
  warnings: templateWarnings('spec.template', true),
  cells,
  fields: { 'status.replicas': ({ status }) => String(status?.replicas ?? 0) },
  orphansDependents: true,
});
