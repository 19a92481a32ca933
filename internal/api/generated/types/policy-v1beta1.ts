// Generated from the table of API facts. Do not edit.
import type * as metav1 from './meta-v1.ts';

export interface Eviction {
  apiVersion: string;
  kind: string;
  metadata: metav1.ObjectMeta;
  deleteOptions?: metav1.DeleteOptions;
}

export interface PodDisruptionBudget {
  apiVersion: string;
  kind: string;
  metadata: metav1.ObjectMeta;
  spec: PodDisruptionBudgetSpec;
  status: PodDisruptionBudgetStatus;
}

export interface PodDisruptionBudgetList {
  apiVersion: string;
  kind: string;
  metadata: metav1.ListMeta;
  items: PodDisruptionBudget[];
}

export interface PodDisruptionBudgetSpec {
  minAvailable?: number | string;
  selector?: metav1.LabelSelector;
  maxUnavailable?: number | string;
  unhealthyPodEvictionPolicy?: string;
}

export interface PodDisruptionBudgetStatus {
  observedGeneration?: number;
  disruptedPods?: Record<string, string>;
  disruptionsAllowed: number;
  currentHealthy: number;
  desiredHealthy: number;
  expectedPods: number;
  conditions?: metav1.Condition[];
}
