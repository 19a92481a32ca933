import { endpointsDefaults as defaults } from '../../defaults/core.ts';
import type { Endpoints } from '../../generated/types/core-v1.ts';
import { endpointsWarnings as warnings } from '../../strategy/kind-warnings.ts';
import { endpoints as cells } from '../../table/network-cells.ts';
import { endpoints as validation } from '../../validation/endpoints.ts';
import { kind } from '../kind.ts';

export const endpoints = kind<Endpoints>({
  group: '',
  kind: 'Endpoints',
  folder: 'services/endpoints',
  validation,
  defaults,
  warnings,
  cells,
  deprecation: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
});
