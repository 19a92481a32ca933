// Generated from the table of API facts. Do not edit.
import type * as metav1 from './meta-v1.ts';

export interface ImageReview {
  apiVersion: string;
  kind: string;
  metadata: metav1.ObjectMeta;
  spec: ImageReviewSpec;
  status: ImageReviewStatus;
}

export interface ImageReviewContainerSpec {
  image?: string;
}

export interface ImageReviewSpec {
  containers?: ImageReviewContainerSpec[];
  annotations?: Record<string, string>;
  namespace?: string;
}

export interface ImageReviewStatus {
  allowed: boolean;
  reason?: string;
  auditAnnotations?: Record<string, string>;
}
