import type { Lease } from '../../generated/types/coordination-v1.ts';
import { holderChanges as firmWhen } from '../../strategy/leases.ts';
import { lease as cells } from '../../table/cluster-cells.ts';
import { lease as validation } from '../../validation/cluster-kinds.ts';
import { kind } from '../kind.ts';

export const lease = kind<Lease>({
  group: 'coordination.k8s.io',
  kind: 'Lease',
  validation,
  cells,
  soft: true,
  firmWhen,
  untracked: true,
});
