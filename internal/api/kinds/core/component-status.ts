import type { ComponentStatus } from '../../generated/types/core-v1.ts';
import { componentStatus as cells } from '../../table/cluster-cells.ts';
import { kind } from '../kind.ts';

export const componentStatus = kind<ComponentStatus>({
  group: '',
  kind: 'ComponentStatus',
  cells,
  deprecation: 'v1 ComponentStatus is deprecated in v1.19+',
});
