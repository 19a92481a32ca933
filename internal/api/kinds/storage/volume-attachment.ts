import type { VolumeAttachment } from '../../generated/types/storage-v1.ts';
import { attachment as cells } from '../../table/storage-cells.ts';
import { volumeAttachment as validation } from '../../validation/storage.ts';
import { kind } from '../kind.ts';

export const volumeAttachment = kind<VolumeAttachment>({
  group: 'storage.k8s.io',
  kind: 'VolumeAttachment',
  validation,
  strategy: { status: true, statusKeeps: 'metadata' },
  cells,
  returnsDeleted: true,
});
