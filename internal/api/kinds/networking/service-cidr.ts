import type { ServiceCIDR } from '../../generated/types/networking-v1.ts';
import { serviceCidr as cells } from '../../table/network-cells.ts';
import { serviceCidr as validation } from '../../validation/network-policies.ts';
import { kind } from '../kind.ts';

export const serviceCidr = kind<ServiceCIDR>({
  group: 'networking.k8s.io',
  kind: 'ServiceCIDR',
  validation,
  strategy: { status: true, statusKeeps: 'metadata' },
  cells,
});
