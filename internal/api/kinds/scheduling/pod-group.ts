import { kind } from '../kind.ts';

export const podGroup = kind({ group: 'scheduling.k8s.io', kind: 'PodGroup' });
