import { nameAndAge as cells } from '../../table/cluster-cells.ts';
import { kind } from '../kind.ts';

export const workload = kind({ group: 'scheduling.k8s.io', kind: 'Workload', cells });
