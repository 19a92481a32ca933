import { leaseCandidate as cells } from '../../table/cluster-cells.ts';
import { kind } from '../kind.ts';

export const leaseCandidate = kind({ group: 'coordination.k8s.io', kind: 'LeaseCandidate', cells });
