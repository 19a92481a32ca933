import { validatingAdmissionPolicyDefaults as defaults } from '../../defaults/policies.ts';
import type { ValidatingAdmissionPolicy } from '../../generated/types/admissionregistration-v1.ts';
import { policy } from '../../table/admin-cells.ts';
import { validatingPolicy as validation } from '../../validation/admission-policies.ts';
import { kind } from '../kind.ts';

export const validatingAdmissionPolicy = kind<ValidatingAdmissionPolicy>({
  group: 'admissionregistration.k8s.io',
  kind: 'ValidatingAdmissionPolicy',
  validation,
  strategy: { generation: ['spec'], status: true, statusKeeps: 'metadata' },
  defaults,
  cells: policy('spec.validations'),
  createdByStatusApply: true,
});
