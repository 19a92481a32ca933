import { kind } from '../kind.ts';

export const resourcePoolStatusRequest = kind({
  group: 'resource.k8s.io',
  kind: 'ResourcePoolStatusRequest',
});
