import { secretDefaults as defaults } from '../../defaults/core.ts';
import type { Secret } from '../../generated/types/core-v1.ts';
import { fieldsOf, type KubeObject } from '../../object.ts';
import { secret as cells } from '../../table/cluster-cells.ts';
import { secret as validation } from '../../validation/config.ts';
import { kind } from '../kind.ts';

export const secret = kind<Secret>({
  group: '',
  kind: 'Secret',
  validation,
  strategy: { update: secretUpdate },
  defaults,
  cells,
});

function secretUpdate(object: KubeObject, old: KubeObject): void {
  if (!fieldsOf(object)['type'] && fieldsOf(old)['type'])
    fieldsOf(object)['type'] = fieldsOf(old)['type'];
}
