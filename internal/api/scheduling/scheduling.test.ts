import { partOf } from '../../base/testing/part-of.ts';
import { describe, expect, it } from 'vitest';
import type { Node, PodSpec } from '../generated/types/core-v1.ts';
import { matchesNodeSelector, wantsNode } from './node-affinity.ts';
import { podRequests } from './pod-resources.ts';
import { tolerates, untolerated } from './taints.ts';

const container = (name: string, cpu?: string, restartPolicy?: string): PodSpec['containers'][0] =>
  ({
    name,
    restartPolicy,
    resources: cpu ? { requests: { cpu } } : {},
  }) as PodSpec['containers'][0];
const cpu = (spec: Partial<PodSpec>): number | undefined => podRequests(spec as PodSpec).get('cpu');

describe('podRequests', () => {
  it('takes the larger of init containers and the sum of containers', () => {
    expect(cpu({ containers: [container('a', '100m'), container('b', '200m')] })).toBe(300);
    expect(
      cpu({
        containers: [container('a', '100m')],
        initContainers: [container('i', '1'), container('j', '2')],
      }),
    ).toBe(2000);
  });

  it('counts sidecars with what starts after them', () => {
    const initContainers = [
      container('i', '400m'),
      container('s', '100m', 'Always'),
      container('j', '350m'),
    ];
    expect(cpu({ containers: [container('a', '200m')], initContainers })).toBe(450);
    expect(cpu({ containers: [container('a', '500m')], initContainers })).toBe(600);
  });

  it('lets the pod speak for itself and adds the overhead', () => {
    expect(
      cpu({
        containers: [container('a', '100m')],
        resources: { requests: { cpu: '1' } },
        overhead: { cpu: '250m' },
      }),
    ).toBe(1250);
  });
});

describe('tolerations', () => {
  const taint = { key: 'k', value: 'v', effect: 'NoSchedule' };
  it('match by key, value and effect', () => {
    expect(tolerates({ key: 'k', value: 'v' }, taint)).toBe(true);
    expect(tolerates({ key: 'k', value: 'w' }, taint)).toBe(false);
    expect(tolerates({ operator: 'Exists' }, taint)).toBe(true);
    expect(tolerates({ key: 'k', operator: 'Exists', effect: 'NoExecute' }, taint)).toBe(false);
    expect(
      tolerates(
        { key: 'n', operator: 'Gt', value: '5' },
        { key: 'n', value: '7', effect: 'NoSchedule' },
      ),
    ).toBe(true);
  });

  it('leave the first taint that matters', () => {
    expect(untolerated([{ ...taint, effect: 'PreferNoSchedule' }, taint], [], ['NoSchedule'])).toBe(
      taint,
    );
    expect(untolerated([taint], [{ operator: 'Exists' }], ['NoSchedule'])).toBeUndefined();
  });
});

describe('node selection', () => {
  const node = partOf<Node>({ metadata: { name: 'n1', labels: { zone: 'a', size: '5' } } });
  const term = (key: string, operator: string, values?: string[]): boolean =>
    matchesNodeSelector(
      { nodeSelectorTerms: [{ matchExpressions: [{ key, operator, values }] }] },
      node,
    );
  it('knows every operator', () => {
    expect([
      term('zone', 'In', ['a']),
      term('zone', 'NotIn', ['a']),
      term('x', 'NotIn', ['a']),
      term('zone', 'Exists'),
      term('x', 'DoesNotExist'),
    ]).toEqual([true, false, true, true, true]);
    expect([
      term('size', 'Gt', ['4']),
      term('size', 'Lt', ['4']),
      term('zone', 'Gt', ['4']),
    ]).toEqual([true, false, false]);
    expect(matchesNodeSelector({ nodeSelectorTerms: [{}] }, node)).toBe(false);
    expect(
      matchesNodeSelector(
        {
          nodeSelectorTerms: [
            { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n1'] }] },
          ],
        },
        node,
      ),
    ).toBe(true);
  });

  it('joins the selector and the required affinity', () => {
    expect(wantsNode({ containers: [], nodeSelector: { zone: 'a' } }, node)).toBe(true);
    expect(wantsNode({ containers: [], nodeSelector: { zone: 'b' } }, node)).toBe(false);
  });
});
