import { endpointSliceDefaults as defaults } from '../../defaults/policies.ts';
import type { EndpointSlice } from '../../generated/types/discovery-v1.ts';
import { endpointSliceUpdate } from '../../strategy/endpoint-slices.ts';
import { endpointSliceWarnings as warnings } from '../../strategy/kind-warnings.ts';
import { endpointSlice as cells } from '../../table/network-cells.ts';
import { endpointSlice as validation } from '../../validation/endpoints.ts';
import { kind } from '../kind.ts';

export const endpointSlice = kind<EndpointSlice>({
  group: 'discovery.k8s.io',
  kind: 'EndpointSlice',
  validation,
  strategy: { firstGeneration: true, update: endpointSliceUpdate },
  defaults,
  warnings,
  cells,
});
