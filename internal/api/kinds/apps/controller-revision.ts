import type { ControllerRevision } from '../../generated/types/apps-v1.ts';
import { controllerRevision as cells } from '../../table/workload-cells.ts';
import { controllerRevision as validation } from '../../validation/workloads.ts';
import { kind } from '../kind.ts';

export const controllerRevision = kind<ControllerRevision>({
  group: 'apps',
  kind: 'ControllerRevision',
  validation,
  cells,
});
