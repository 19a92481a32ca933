import { networkPolicyDefaults as defaults } from '../../defaults/policies.ts';
import type { NetworkPolicy } from '../../generated/types/networking-v1.ts';
import { networkPolicy as cells } from '../../table/network-cells.ts';
import { networkPolicy as validation } from '../../validation/network-policies.ts';
import { kind } from '../kind.ts';

export const networkPolicy = kind<NetworkPolicy>({
  group: 'networking.k8s.io',
  kind: 'NetworkPolicy',
  validation,
  strategy: { generation: ['spec'] },
  defaults,
  cells,
});
