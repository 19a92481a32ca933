import { roleBindingDefaults as defaults } from '../../defaults/policies.ts';
import type { RoleBinding } from '../../generated/types/rbac-v1.ts';
import { roleBinding as cells } from '../../table/admin-cells.ts';
import { roleBinding as validation } from '../../validation/rbac.ts';
import { kind } from '../kind.ts';

export const roleBinding = kind<RoleBinding>({
  group: 'rbac.authorization.k8s.io',
  kind: 'RoleBinding',
  validation,
  defaults,
  cells,
});
