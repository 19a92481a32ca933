// Generated from the table of API facts. Do not edit.
import type * as metav1 from './meta-v1.ts';
import type * as authenticationv1 from './authentication-v1.ts';

export interface AdmissionRequest {
  uid: string;
  kind: metav1.GroupVersionKind;
  resource: metav1.GroupVersionResource;
  subResource?: string;
  name?: string;
  namespace?: string;
  operation: string;
  userInfo: authenticationv1.UserInfo;
  object?: Record<string, unknown>;
  oldObject?: Record<string, unknown>;
  dryRun?: boolean;
  options?: Record<string, unknown>;
  requestKind?: metav1.GroupVersionKind;
  requestResource?: metav1.GroupVersionResource;
  requestSubResource?: string;
}

export interface AdmissionResponse {
  uid: string;
  allowed: boolean;
  status?: metav1.Status;
  patch?: string;
  patchType?: string;
  auditAnnotations?: Record<string, string>;
  warnings?: string[];
}

export interface AdmissionReview {
  apiVersion: string;
  kind: string;
  request?: AdmissionRequest;
  response?: AdmissionResponse;
}
