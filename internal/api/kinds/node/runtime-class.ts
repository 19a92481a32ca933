import type { RuntimeClass } from '../../generated/types/node-v1.ts';
import { runtimeClass as cells } from '../../table/cluster-cells.ts';
import { runtimeClass as validation } from '../../validation/cluster-kinds.ts';
import { kind } from '../kind.ts';

export const runtimeClass = kind<RuntimeClass>({
  group: 'node.k8s.io',
  kind: 'RuntimeClass',
  validation,
  cells,
  returnsDeleted: true,
});
