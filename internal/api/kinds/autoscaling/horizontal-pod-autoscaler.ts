import { autoscalersV1 } from '../../conversions/autoscalers.ts';
import { horizontalPodAutoscalerDefaults as defaults } from '../../defaults/workloads.ts';
import type { HorizontalPodAutoscaler } from '../../generated/types/autoscaling-v2.ts';
import { autoscaler as cells } from '../../table/workload-cells.ts';
import { autoscaler as validation } from '../../validation/autoscaling.ts';
import { kind } from '../kind.ts';

export const horizontalPodAutoscaler = kind<HorizontalPodAutoscaler>({
  group: 'autoscaling',
  kind: 'HorizontalPodAutoscaler',
  validation,
  strategy: { status: true },
  defaults,
  conversions: { v1: autoscalersV1 },
  cells,
});
