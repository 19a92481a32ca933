import { podDefaults as defaults } from '../../defaults/pods.ts';
import type { Pod } from '../../generated/types/core-v1.ts';
import { podGracePeriod as gracePeriod } from '../../strategy/pod-deletion.ts';
import {
  podCreate,
  podUpdate,
  podStatusUpdate,
  podEphemeralContainersUpdate,
  podResizeUpdate,
} from '../../strategy/pods.ts';
import { podObjectWarnings as warnings } from '../../strategy/template-warnings.ts';
import { podCells as cells, podRowConditions as rowConditions } from '../../table/pod-cells.ts';
import { pod as validation } from '../../validation/pod-rule.ts';
import { kind } from '../kind.ts';

export const pod = kind<Pod>({
  group: '',
  kind: 'Pod',
  validation,
  strategy: {
    create: podCreate,
    update: podUpdate,
    statusUpdate: podStatusUpdate,
    others: { ephemeralcontainers: podEphemeralContainersUpdate, resize: podResizeUpdate },
  },
  defaults,
  warnings,
  cells,
  rowConditions,
  fields: {
    'spec.hostNetwork': ({ spec }) => String(spec.hostNetwork ?? false),
    'status.podIPs': ({ status }) => (status?.podIPs ?? []).map((one) => one.ip).join(','),
  },
  returnsDeleted: true,
  deletion: { gracePeriod },
});
