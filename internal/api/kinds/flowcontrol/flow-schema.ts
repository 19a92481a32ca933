import { flowSchemaDefaults as defaults } from '../../defaults/policies.ts';
import type { FlowSchema } from '../../generated/types/flowcontrol-v1.ts';
import { flowSchema as cells } from '../../table/admin-cells.ts';
import { flowSchema as validation } from '../../validation/flow-control.ts';
import { kind } from '../kind.ts';

export const flowSchema = kind<FlowSchema>({
  group: 'flowcontrol.apiserver.k8s.io',
  kind: 'FlowSchema',
  validation,
  strategy: { generation: ['spec'], status: true, statusKeeps: 'metadata' },
  defaults,
  cells,
});
