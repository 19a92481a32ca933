import { mutatingAdmissionPolicyDefaults as defaults } from '../../defaults/policies.ts';
import type { MutatingAdmissionPolicy } from '../../generated/types/admissionregistration-v1.ts';
import { policy } from '../../table/admin-cells.ts';
import { mutatingPolicy as validation } from '../../validation/admission-policies.ts';
import { kind } from '../kind.ts';

export const mutatingAdmissionPolicy = kind<MutatingAdmissionPolicy>({
  group: 'admissionregistration.k8s.io',
  kind: 'MutatingAdmissionPolicy',
  validation,
  strategy: { generation: ['spec'] },
  defaults,
  cells: policy('spec.mutations'),
});
