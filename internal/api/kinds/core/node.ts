import { nodeDefaults as defaults } from '../../defaults/core.ts';
import type { Node } from '../../generated/types/core-v1.ts';
import { keepStatus, keepSpec } from '../../strategy/keep.ts';
import { nodeWarnings as warnings } from '../../strategy/kind-warnings.ts';
import { node as cells } from '../../table/cluster-cells.ts';
import { node as validation } from '../../validation/nodes.ts';
import { kind } from '../kind.ts';

export const node = kind<Node>({
  group: '',
  kind: 'Node',
  folder: 'minions',
  validation,
  strategy: { update: keepStatus, statusUpdate: keepSpec },
  defaults,
  warnings,
  cells,
  fields: { 'spec.unschedulable': ({ spec }) => String(spec.unschedulable ?? false) },
});
