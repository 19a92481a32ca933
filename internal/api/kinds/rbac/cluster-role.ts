import type { ClusterRole } from '../../generated/types/rbac-v1.ts';
import { clusterRole as validation } from '../../validation/rbac.ts';
import { kind } from '../kind.ts';

export const clusterRole = kind<ClusterRole>({
  group: 'rbac.authorization.k8s.io',
  kind: 'ClusterRole',
  validation,
});
