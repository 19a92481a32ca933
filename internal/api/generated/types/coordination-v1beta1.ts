// Generated from the table of API facts. Do not edit.
import type * as metav1 from './meta-v1.ts';

export interface Lease {
  apiVersion: string;
  kind: string;
  metadata: metav1.ObjectMeta;
  spec: LeaseSpec;
}

export interface LeaseCandidate {
  apiVersion: string;
  kind: string;
  metadata: metav1.ObjectMeta;
  spec: LeaseCandidateSpec;
}

export interface LeaseCandidateList {
  apiVersion: string;
  kind: string;
  metadata: metav1.ListMeta;
  items: LeaseCandidate[];
}

export interface LeaseCandidateSpec {
  leaseName: string;
  pingTime?: string;
  renewTime?: string;
  binaryVersion: string;
  emulationVersion?: string;
  strategy?: string;
}

export interface LeaseList {
  apiVersion: string;
  kind: string;
  metadata: metav1.ListMeta;
  items: Lease[];
}

export interface LeaseSpec {
  holderIdentity?: string;
  leaseDurationSeconds?: number;
  acquireTime?: string;
  renewTime?: string;
  leaseTransitions?: number;
  strategy?: string;
  preferredHolder?: string;
}
