import type { ConfigMap } from '../../generated/types/core-v1.ts';
import { configMap as cells } from '../../table/cluster-cells.ts';
import { configMap as validation } from '../../validation/config.ts';
import { kind } from '../kind.ts';

export const configMap = kind<ConfigMap>({ group: '', kind: 'ConfigMap', validation, cells });
