import type { PodTemplate } from '../../generated/types/core-v1.ts';
import { templateWarnings } from '../../strategy/template-warnings.ts';
import { podTemplate as cells } from '../../table/workload-cells.ts';
import { podTemplate as validation } from '../../validation/workloads.ts';
import { kind } from '../kind.ts';

export const podTemplate = kind<PodTemplate>({
  group: '',
  kind: 'PodTemplate',
  validation,
  strategy: { generation: ['template'] },
  warnings: templateWarnings('template', false),
  cells,
  returnsDeleted: true,
});
