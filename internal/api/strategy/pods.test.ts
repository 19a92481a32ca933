import { describe, expect, test } from 'vitest';
import { created, make, now, of, updated } from './testing/objects.ts';

describe('pods', () => {
  const pods = of('', 'v1', 'Pod');
  const container = (name: string, resources: unknown = {}): Record<string, unknown> => ({
    name,
    image: 'i',
    resources,
  });
  test('start pending, with a class of service', () => {
    const pod = created(
      pods,
      make('Pod', { spec: { containers: [container('a')] }, status: { phase: 'Running' } }),
    );
    expect(pod).toMatchObject({
      status: { phase: 'Pending', qosClass: 'BestEffort' },
      metadata: { generation: 1 },
    });
    const both = {
      limits: { cpu: '1', memory: '1Gi' },
      requests: { cpu: '1000m', memory: '1024Mi' },
    };
    expect(
      created(pods, make('Pod', { spec: { containers: [container('a', both)] } })),
    ).toMatchObject({ status: { qosClass: 'Guaranteed' } });
    expect(
      created(pods, make('Pod', { spec: { containers: [container('a', both), container('b')] } })),
    ).toMatchObject({ status: { qosClass: 'Burstable' } });
  });
  test('gates show in a condition', () => {
    const pod = created(
      pods,
      make('Pod', { spec: { containers: [], schedulingGates: [{ name: 'g' }] } }),
    );
    expect(pod).toMatchObject({
      status: {
        conditions: [
          {
            type: 'PodScheduled',
            status: 'False',
            reason: 'SchedulingGated',
            lastTransitionTime: now,
          },
        ],
      },
    });
  });
  test('matchLabelKeys become requirements', () => {
    const spec = {
      containers: [],
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: 'z',
          matchLabelKeys: ['app', 'none'],
          labelSelector: { matchLabels: { a: 'b' } },
        },
      ],
    };
    const pod = created(pods, make('Pod', { spec }, { labels: { app: 'web' } }));
    expect(pod).toMatchObject({
      spec: {
        topologySpreadConstraints: [
          {
            labelSelector: { matchExpressions: [{ key: 'app', operator: 'In', values: ['web'] }] },
          },
        ],
      },
    });
  });
  test('count changes of the spec', () => {
    const old = make(
      'Pod',
      { spec: { containers: [container('a')] }, status: { phase: 'Running' } },
      { generation: 1 },
    );
    expect(
      updated(
        pods,
        make('Pod', { spec: { containers: [{ ...container('a'), image: 'j' }] } }),
        old,
      ),
    ).toMatchObject({ metadata: { generation: 2 }, status: { phase: 'Running' } });
  });
  test('a status write keeps what older writers do not know', () => {
    const status = {
      phase: 'Running',
      qosClass: 'Burstable',
      observedGeneration: 4,
      conditions: [{ type: 'Ready', status: 'True', observedGeneration: 3 }],
    };
    const old = make(
      'Pod',
      { spec: {}, status },
      { generation: 4, ownerReferences: [{ uid: 'o' }] },
    );
    const next = updated(
      pods,
      make('Pod', {
        spec: { nodeName: 'n' },
        status: {
          phase: 'Failed',
          conditions: [
            { type: 'Ready', status: 'False' },
            { type: 'New', status: 'True' },
          ],
        },
      }),
      old,
      'status',
    );
    expect(next).toMatchObject({
      spec: {},
      metadata: { ownerReferences: [{ uid: 'o' }], generation: 4 },
      status: {
        phase: 'Failed',
        qosClass: 'Burstable',
        observedGeneration: 4,
        conditions: [{ type: 'Ready', observedGeneration: 3 }, { type: 'New' }],
      },
    });
  });
  test('ephemeral containers come alone', () => {
    const old = make(
      'Pod',
      { spec: { nodeName: 'n', containers: [container('a')] }, status: { phase: 'Running' } },
      { generation: 1, labels: { a: 'b' } },
    );
    const next = updated(
      pods,
      make('Pod', { spec: { containers: [], ephemeralContainers: [container('e')] } }),
      old,
      'ephemeralcontainers',
    );
    expect(next).toMatchObject({
      spec: { nodeName: 'n', containers: [container('a')], ephemeralContainers: [container('e')] },
      metadata: { generation: 2, labels: { a: 'b' } },
    });
  });
  test('resize takes resources only', () => {
    const old = make(
      'Pod',
      { spec: { nodeName: 'n', containers: [container('a')] } },
      { generation: 1 },
    );
    const asked = make('Pod', {
      spec: {
        nodeName: 'm',
        containers: [{ ...container('a', { limits: { cpu: '1' } }), image: 'other' }],
      },
    });
    expect(updated(pods, asked, old, 'resize')).toMatchObject({
      spec: { nodeName: 'n', containers: [{ image: 'i', resources: { limits: { cpu: '1' } } }] },
      metadata: { generation: 2 },
    });
  });
});
