// Generated from the table of API facts. Do not edit.
import type * as metav1 from './meta-v1.ts';
import type * as corev1 from './core-v1.ts';

export interface Overhead {
  podFixed?: Record<string, string>;
}

export interface RuntimeClass {
  apiVersion: string;
  kind: string;
  metadata: metav1.ObjectMeta;
  handler: string;
  overhead?: Overhead;
  scheduling?: Scheduling;
}

export interface RuntimeClassList {
  apiVersion: string;
  kind: string;
  metadata: metav1.ListMeta;
  items: RuntimeClass[];
}

export interface Scheduling {
  nodeSelector?: Record<string, string>;
  tolerations?: corev1.Toleration[];
}
