import type { Service } from '../../api/generated/types/core-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import type { AdmissionPlugin } from './chain.ts';
import { refusal } from './refusal.ts';

const ipsOf = (object: KubeObject | undefined): readonly string[] =>
  (object as Service | undefined)?.spec?.externalIPs ?? [];

/**
 * Nobody takes addresses that others send to by a Service of his own (CVE-2020-8554); what a
 * Service had before it may keep. Off unless it is named.
 */
export const denyServiceExternalIPs: AdmissionPlugin = {
  name: 'DenyServiceExternalIPs',
  handles: ({ call: { resource, subresource }, operation }) =>
    (operation === 'CREATE' || operation === 'UPDATE') &&
    resource.group === '' &&
    resource.resource === 'services' &&
    subresource === '',
  validate(attributes) {
    const before = new Set(ipsOf(attributes.old));
    if (!ipsOf(attributes.object).every((ip) => before.has(ip)))
      throw refusal(attributes, 'Use of external IPs is denied by admission control');
  },
};
