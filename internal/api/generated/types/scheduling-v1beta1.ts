// Generated from the table of API facts. Do not edit.
import type * as metav1 from './meta-v1.ts';

export interface PriorityClass {
  apiVersion: string;
  kind: string;
  metadata: metav1.ObjectMeta;
  value: number;
  globalDefault?: boolean;
  description?: string;
  preemptionPolicy?: string;
}

export interface PriorityClassList {
  apiVersion: string;
  kind: string;
  metadata: metav1.ListMeta;
  items: PriorityClass[];
}
