// Generated from the table of API facts. Do not edit.
import type * as metav1 from './meta-v1.ts';

export interface CertificateSigningRequest {
  apiVersion: string;
  kind: string;
  metadata: metav1.ObjectMeta;
  spec: CertificateSigningRequestSpec;
  status: CertificateSigningRequestStatus;
}

export interface CertificateSigningRequestCondition {
  type: string;
  reason?: string;
  message?: string;
  lastUpdateTime?: string;
  lastTransitionTime?: string;
  status: string;
}

export interface CertificateSigningRequestList {
  apiVersion: string;
  kind: string;
  metadata: metav1.ListMeta;
  items: CertificateSigningRequest[];
}

export interface CertificateSigningRequestSpec {
  request: string;
  username?: string;
  uid?: string;
  groups?: string[];
  usages?: string[];
  extra?: Record<string, ExtraValue>;
  signerName: string;
  expirationSeconds?: number;
}

export interface CertificateSigningRequestStatus {
  conditions?: CertificateSigningRequestCondition[];
  certificate?: string;
}

export interface ExtraValue {
}
