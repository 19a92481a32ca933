import { podCertificateRequest as cells } from '../../table/admin-cells.ts';
import { kind } from '../kind.ts';

export const podCertificateRequest = kind({
  group: 'certificates.k8s.io',
  kind: 'PodCertificateRequest',
  strategy: { status: true, statusKeeps: 'metadata' },
  cells,
});
