// Generated from the table of API facts. Do not edit.
import type * as metav1 from './meta-v1.ts';

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
