import { ingressClassDefaults as defaults } from '../../defaults/policies.ts';
import type { IngressClass } from '../../generated/types/networking-v1.ts';
import { ingressClass as cells } from '../../table/network-cells.ts';
import { ingressClass as validation } from '../../validation/ingresses.ts';
import { kind } from '../kind.ts';

export const ingressClass = kind<IngressClass>({
  group: 'networking.k8s.io',
  kind: 'IngressClass',
  validation,
  strategy: { generation: ['spec'] },
  defaults,
  cells,
});
