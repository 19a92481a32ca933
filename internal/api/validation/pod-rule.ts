import type { Pod } from '../generated/types/core-v1.ts';
import { dns1123Subdomain } from '../names.ts';
import { resizePod } from './pod-resize.ts';
import { createPod, updateEphemeralContainers, updatePod, updatePodStatus } from './pods.ts';
import type { Rule } from './rule.ts';

export const pod: Rule<Pod> = {
  name: dns1123Subdomain,
  create: createPod,
  update: updatePod,
  subresources: {
    status: updatePodStatus,
    ephemeralcontainers: updateEphemeralContainers,
    resize: resizePod,
  },
};
