// Generated from the table of API facts. Do not edit.
import type * as metav1 from './meta-v1.ts';
import type * as authenticationv1 from './authentication-v1.ts';

export interface ExtraValue {
}

export interface SelfSubjectReview {
  apiVersion: string;
  kind: string;
  metadata: metav1.ObjectMeta;
  status: SelfSubjectReviewStatus;
}

export interface SelfSubjectReviewStatus {
  userInfo: authenticationv1.UserInfo;
}

export interface TokenReview {
  apiVersion: string;
  kind: string;
  metadata: metav1.ObjectMeta;
  spec: TokenReviewSpec;
  status: TokenReviewStatus;
}

export interface TokenReviewSpec {
  token?: string;
  audiences?: string[];
}

export interface TokenReviewStatus {
  authenticated?: boolean;
  user: UserInfo;
  error?: string;
  audiences?: string[];
}

export interface UserInfo {
  username?: string;
  uid?: string;
  groups?: string[];
  extra?: Record<string, ExtraValue>;
}
