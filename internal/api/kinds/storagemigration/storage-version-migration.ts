import { migration as cells } from '../../table/storage-cells.ts';
import { kind } from '../kind.ts';

export const storageVersionMigration = kind({
  group: 'storagemigration.k8s.io',
  kind: 'StorageVersionMigration',
  cells,
});
