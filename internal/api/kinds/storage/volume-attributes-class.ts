import type { VolumeAttributesClass } from '../../generated/types/storage-v1.ts';
import { attributesClass as cells } from '../../table/storage-cells.ts';
import { volumeAttributesClass as validation } from '../../validation/storage.ts';
import { kind } from '../kind.ts';

export const volumeAttributesClass = kind<VolumeAttributesClass>({
  group: 'storage.k8s.io',
  kind: 'VolumeAttributesClass',
  validation,
  cells,
  returnsDeleted: true,
});
