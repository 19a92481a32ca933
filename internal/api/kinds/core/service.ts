import { serviceDefaults as defaults } from '../../defaults/core.ts';
import type { Service } from '../../generated/types/core-v1.ts';
import { serviceWarnings as warnings } from '../../strategy/kind-warnings.ts';
import { serviceUpdate } from '../../strategy/services.ts';
import { service as cells } from '../../table/network-cells.ts';
import { service as validation } from '../../validation/services.ts';
import { kind } from '../kind.ts';

export const service = kind<Service>({
  group: '',
  kind: 'Service',
  folder: 'services/specs',
  validation,
  strategy: { status: true, update: serviceUpdate },
  defaults,
  warnings,
  cells,
  returnsDeleted: true,
});
