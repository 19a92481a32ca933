import type { MutatingAdmissionPolicyBinding } from '../../generated/types/admissionregistration-v1.ts';
import { policyBinding as cells } from '../../table/admin-cells.ts';
import { mutatingBinding as validation } from '../../validation/admission-policies.ts';
import { kind } from '../kind.ts';

export const mutatingAdmissionPolicyBinding = kind<MutatingAdmissionPolicyBinding>({
  group: 'admissionregistration.k8s.io',
  kind: 'MutatingAdmissionPolicyBinding',
  validation,
  strategy: { generation: ['spec'] },
  cells,
});
