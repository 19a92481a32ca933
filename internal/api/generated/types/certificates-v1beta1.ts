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
  signerName?: string;
  expirationSeconds?: number;
}

export interface CertificateSigningRequestStatus {
  conditions?: CertificateSigningRequestCondition[];
  certificate?: string;
}

export interface ClusterTrustBundle {
  apiVersion: string;
  kind: string;
  metadata: metav1.ObjectMeta;
  spec: ClusterTrustBundleSpec;
}

export interface ClusterTrustBundleList {
  apiVersion: string;
  kind: string;
  metadata: metav1.ListMeta;
  items: ClusterTrustBundle[];
}

export interface ClusterTrustBundleSpec {
  signerName?: string;
  trustBundle: string;
}

export interface ExtraValue {
}

export interface PodCertificateRequest {
  apiVersion: string;
  kind: string;
  metadata: metav1.ObjectMeta;
  spec: PodCertificateRequestSpec;
  status: PodCertificateRequestStatus;
}

export interface PodCertificateRequestList {
  apiVersion: string;
  kind: string;
  metadata: metav1.ListMeta;
  items: PodCertificateRequest[];
}

export interface PodCertificateRequestSpec {
  signerName: string;
  podName: string;
  podUID: string;
  serviceAccountName: string;
  serviceAccountUID: string;
  nodeName: string;
  nodeUID: string;
  maxExpirationSeconds?: number;
  pkixPublicKey: string;
  proofOfPossession: string;
  unverifiedUserAnnotations?: Record<string, string>;
  stubPKCS10Request: string;
}

export interface PodCertificateRequestStatus {
  conditions?: metav1.Condition[];
  certificateChain?: string;
  notBefore?: string;
  beginRefreshAt?: string;
  notAfter?: string;
}
