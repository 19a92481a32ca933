import type { ValidatingAdmissionPolicyBinding } from '../../generated/types/admissionregistration-v1.ts';
import { policyBinding as cells } from '../../table/admin-cells.ts';
import { validatingBinding as validation } from '../../validation/admission-policies.ts';
import { kind } from '../kind.ts';

export const validatingAdmissionPolicyBinding = kind<ValidatingAdmissionPolicyBinding>({
  group: 'admissionregistration.k8s.io',
  kind: 'ValidatingAdmissionPolicyBinding',
  validation,
  strategy: { generation: ['spec'] },
  cells,
});
