import type { Ingress } from '../../generated/types/networking-v1.ts';
import { ingress as cells } from '../../table/network-cells.ts';
import { ingress as validation } from '../../validation/ingresses.ts';
import { kind } from '../kind.ts';

export const ingress = kind<Ingress>({
  group: 'networking.k8s.io',
  kind: 'Ingress',
  folder: 'ingress',
  validation,
  strategy: { generation: ['spec'], status: true },
  cells,
});
