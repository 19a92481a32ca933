import { trustBundle as cells } from '../../table/admin-cells.ts';
import { kind } from '../kind.ts';

export const clusterTrustBundle = kind({
  group: 'certificates.k8s.io',
  kind: 'ClusterTrustBundle',
  cells,
});
