// Generated from the table of API facts. Do not edit.
import type * as metav1 from './meta-v1.ts';

export interface APIGroupDiscovery {
  apiVersion: string;
  kind: string;
  metadata: metav1.ObjectMeta;
  versions?: APIVersionDiscovery[];
}

export interface APIGroupDiscoveryList {
  apiVersion: string;
  kind: string;
  metadata: metav1.ListMeta;
  items: APIGroupDiscovery[];
}

export interface APIResourceDiscovery {
  resource: string;
  responseKind?: metav1.GroupVersionKind;
  scope: string;
  singularResource: string;
  verbs: string[];
  shortNames?: string[];
  categories?: string[];
  subresources?: APISubresourceDiscovery[];
}

export interface APISubresourceDiscovery {
  subresource: string;
  responseKind?: metav1.GroupVersionKind;
  acceptedTypes?: metav1.GroupVersionKind[];
  verbs: string[];
}

export interface APIVersionDiscovery {
  version: string;
  resources?: APIResourceDiscovery[];
  freshness?: string;
}
