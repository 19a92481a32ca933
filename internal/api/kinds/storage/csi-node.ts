import type { CSINode } from '../../generated/types/storage-v1.ts';
import { csiNode as cells } from '../../table/storage-cells.ts';
import { csiNode as validation } from '../../validation/storage.ts';
import { kind } from '../kind.ts';

export const csiNode = kind<CSINode>({
  group: 'storage.k8s.io',
  kind: 'CSINode',
  validation,
  cells,
  returnsDeleted: true,
});
