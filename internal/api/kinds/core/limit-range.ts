import { limitRangeDefaults as defaults } from '../../defaults/core.ts';
import type { LimitRange } from '../../generated/types/core-v1.ts';
import { limitRange as validation } from '../../validation/quotas.ts';
import { kind } from '../kind.ts';

export const limitRange = kind<LimitRange>({
  group: '',
  kind: 'LimitRange',
  validation,
  strategy: {},
  defaults,
});
