import type { LabelSelector, ObjectMeta } from '../generated/types/meta-v1.ts';
import type { ResourceRef } from '../object.ts';

/** What is read of the Network Policy API (policy.networking.k8s.io); its definitions check it. */
export const adminPolicyGroup = 'policy.networking.k8s.io';

const kind = (resource: string, name: string): ResourceRef => ({
  group: adminPolicyGroup,
  version: 'v1alpha1',
  resource,
  kind: name,
  namespaced: false,
});
export const adminPolicyRefs = {
  admin: kind('adminnetworkpolicies', 'AdminNetworkPolicy'),
  baseline: kind('baselineadminnetworkpolicies', 'BaselineAdminNetworkPolicy'),
} as const;

/** One of the two is set: all pods of some namespaces, or some of their pods. */
export interface AdminSubject {
  namespaces?: LabelSelector;
  pods?: { namespaceSelector: LabelSelector; podSelector: LabelSelector };
}

/** One of these is set; `networks` only of egress. */
export interface AdminPeer extends AdminSubject {
  networks?: string[];
}

/** One of these is set. */
export interface AdminPort {
  portNumber?: { protocol: string; port: number };
  portRange?: { protocol?: string; start: number; end: number };
  namedPort?: string;
}

export interface AdminRuleObject {
  name?: string;
  action: string;
  from?: AdminPeer[];
  to?: AdminPeer[];
  ports?: AdminPort[];
}

/** An AdminNetworkPolicy, or without `priority` the BaselineAdminNetworkPolicy. */
export interface AdminNetworkPolicy {
  metadata: ObjectMeta;
  spec: {
    /** 0 comes first. */
    priority?: number;
    subject: AdminSubject;
    ingress?: AdminRuleObject[];
    egress?: AdminRuleObject[];
  };
}
