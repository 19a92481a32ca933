import { taintRule as cells } from '../../table/storage-cells.ts';
import { kind } from '../kind.ts';

export const deviceTaintRule = kind({
  group: 'resource.k8s.io',
  kind: 'DeviceTaintRule',
  strategy: { generation: ['spec'], status: true, statusKeeps: 'metadata' },
  cells,
});
