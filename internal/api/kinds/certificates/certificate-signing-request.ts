import type { CertificateSigningRequest } from '../../generated/types/certificates-v1.ts';
import { csrCreate, csrStatus, csrApproval } from '../../strategy/certificates.ts';
import { keepBoth } from '../../strategy/keep.ts';
import { signingRequest as cells } from '../../table/admin-cells.ts';
import { certificateSigningRequest as validation } from '../../validation/certificate-requests.ts';
import { kind } from '../kind.ts';

export const certificateSigningRequest = kind<CertificateSigningRequest>({
  group: 'certificates.k8s.io',
  kind: 'CertificateSigningRequest',
  validation,
  strategy: {
    create: csrCreate,
    update: keepBoth,
    statusUpdate: csrStatus,
    others: { approval: csrApproval },
  },
  cells,
});
