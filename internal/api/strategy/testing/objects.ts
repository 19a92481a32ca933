import { type Unstructured, deepFreeze, type KubeObject } from '../../object.ts';
import { builtinScheme } from '../../scheme.ts';
import { strategyFor, type Strategy, type StrategyInfo } from '../strategy.ts';

export const now = '2026-01-02T03:04:05Z';
const scheme = builtinScheme();

export function of(group: string, version: string, kind: string): Strategy {
  return strategyFor(scheme.kind(group, version, kind) as StrategyInfo);
}

export const make = (
  kind: string,
  rest: Record<string, unknown> = {},
  metadata: Record<string, unknown> = {},
): Unstructured => ({ apiVersion: 'v1', kind, metadata: { name: 'x', ...metadata }, ...rest });
export const created = <T extends KubeObject>(strategy: Strategy, object: T): T => (
  strategy.prepareForCreate(object, { now }),
  object
);
export const updated = <T extends KubeObject>(
  strategy: Strategy,
  object: T,
  old: KubeObject,
  subresource = '',
): T => (strategy.prepareForUpdate(object, deepFreeze(old), subresource, { now }), object);
