import type { DeviceClass } from '../../generated/types/resource-v1.ts';
import { nameAndAge as cells } from '../../table/storage-cells.ts';
import { deviceClass as validation } from '../../validation/devices.ts';
import { kind } from '../kind.ts';

export const deviceClass = kind<DeviceClass>({
  group: 'resource.k8s.io',
  kind: 'DeviceClass',
  validation,
  strategy: { generation: ['spec'] },
  cells,
  returnsDeleted: true,
});
