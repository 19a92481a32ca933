import type { Role } from '../../generated/types/rbac-v1.ts';
import { role as validation } from '../../validation/rbac.ts';
import { kind } from '../kind.ts';

export const role = kind<Role>({ group: 'rbac.authorization.k8s.io', kind: 'Role', validation });
