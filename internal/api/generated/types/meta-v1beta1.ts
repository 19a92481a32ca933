// Generated from the table of API facts. Do not edit.
import type * as metav1 from './meta-v1.ts';

export interface PartialObjectMetadataList {
  apiVersion: string;
  kind: string;
  items: metav1.PartialObjectMetadata[];
  metadata: metav1.ListMeta;
}
