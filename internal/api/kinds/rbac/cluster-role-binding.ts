import { clusterRoleBindingDefaults as defaults } from '../../defaults/policies.ts';
import type { ClusterRoleBinding } from '../../generated/types/rbac-v1.ts';
import { roleBinding as cells } from '../../table/admin-cells.ts';
import { clusterRoleBinding as validation } from '../../validation/rbac.ts';
import { kind } from '../kind.ts';

export const clusterRoleBinding = kind<ClusterRoleBinding>({
  group: 'rbac.authorization.k8s.io',
  kind: 'ClusterRoleBinding',
  validation,
  defaults,
  cells,
});
