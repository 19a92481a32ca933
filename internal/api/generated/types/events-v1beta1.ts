// Generated from the table of API facts. Do not edit.
import type * as metav1 from './meta-v1.ts';
import type * as corev1 from './core-v1.ts';

export interface Event {
  apiVersion: string;
  kind: string;
  metadata: metav1.ObjectMeta;
  eventTime: string;
  series?: EventSeries;
  reportingController?: string;
  reportingInstance?: string;
  action?: string;
  reason?: string;
  regarding: corev1.ObjectReference;
  related?: corev1.ObjectReference;
  note?: string;
  type?: string;
  deprecatedSource: corev1.EventSource;
  deprecatedFirstTimestamp?: string;
  deprecatedLastTimestamp?: string;
  deprecatedCount?: number;
}

export interface EventList {
  apiVersion: string;
  kind: string;
  metadata: metav1.ListMeta;
  items: Event[];
}

export interface EventSeries {
  count: number;
  lastObservedTime: string;
}
