import { storageVersion as cells } from '../../table/admin-cells.ts';
import { kind } from '../kind.ts';

export const storageVersion = kind({
  group: 'internal.apiserver.k8s.io',
  kind: 'StorageVersion',
  cells,
});
