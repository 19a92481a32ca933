// Generated from the table of API facts. Do not edit.
import type * as metav1 from './meta-v1.ts';
import type * as authenticationv1 from './authentication-v1.ts';

export interface SelfSubjectReview {
  apiVersion: string;
  kind: string;
  metadata: metav1.ObjectMeta;
  status: SelfSubjectReviewStatus;
}

export interface SelfSubjectReviewStatus {
  userInfo: authenticationv1.UserInfo;
}
