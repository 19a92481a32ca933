import type { IPAddress } from '../../generated/types/networking-v1.ts';
import { ipAddress as cells } from '../../table/network-cells.ts';
import { ipAddress as validation } from '../../validation/network-policies.ts';
import { kind } from '../kind.ts';

export const ipAddress = kind<IPAddress>({
  group: 'networking.k8s.io',
  kind: 'IPAddress',
  validation,
  cells,
});
