import { describe, expect, it } from 'vitest';
import type { PodSpec } from '../../api/generated/types/core-v1.ts';
import { node, pod, TestCluster } from '../testing/cluster.ts';

const text = (counts: string, nodes = 1): string => `0/${nodes} nodes are available: ${counts}.`;

describe('the filters', () => {
  it('tell why no node will do, in kube-scheduler’s words', () => {
    const cluster = new TestCluster()
      .with(node('a', { cpu: '100m' }))
      .with(node('b', { unschedulable: true }))
      .with(node('c', { taints: [{ key: 'k', effect: 'NoSchedule' }] }))
      .with(node('d', { pods: 0 }));
    expect(cluster.place(pod('500m'))).toBe(
      text(
        '1 Insufficient cpu, 1 Too many pods, 1 node(s) had untolerated taint(s), ' +
          '1 node(s) were unschedulable',
        4,
      ),
    );
  });

  it('tell all resources that are lacking', () => {
    const cluster = new TestCluster().with(node('a', { cpu: '1', memory: '1Mi', pods: 0 }));
    const containers = [
      { name: 'c', resources: { requests: { cpu: '2', memory: '1Gi', 'example.com/gpu': '1' } } },
    ] as PodSpec['containers'];
    expect(cluster.place(pod(undefined, { containers }))).toBe(
      text(
        '1 Insufficient cpu, 1 Insufficient example.com/gpu, 1 Insufficient memory, ' +
          '1 Too many pods',
      ),
    );
  });

  it('keep a pod on the node it names, and to nodes it selects', () => {
    const cluster = new TestCluster().with(node('a', { labels: { disk: 'ssd' } })).with(node('b'));
    expect(cluster.place(pod('1m', { nodeName: 'b' }))).toBe('b');
    expect(cluster.place(pod('1m', { nodeName: 'x' }))).toBe(
      text("2 node(s) didn't match the requested node name", 2),
    );
    expect(cluster.place(pod('1m', { nodeSelector: { disk: 'ssd' } }))).toBe('a');
    expect(cluster.place(pod('1m', { nodeSelector: { disk: 'tape' } }))).toBe(
      text("2 node(s) didn't match Pod's node affinity/selector", 2),
    );
  });

  it('ask only the nodes that an affinity names, as a DaemonSet’s pods do', () => {
    const cluster = new TestCluster().with(node('a')).with(node('b', { cpu: '0' }));
    const on = (...values: string[]): Partial<PodSpec> => ({
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [
              { matchFields: [{ key: 'metadata.name', operator: 'In', values }] },
            ],
          },
        },
      },
    });
    expect(cluster.place(pod('1m', on('a')))).toBe('a');
    expect(cluster.place(pod('1m', on('b')))).toBe(
      text("1 Insufficient cpu, 1 node(s) didn't satisfy plugin(s) [NodeAffinity]", 2),
    );
  });

  it('take host ports by address and protocol', () => {
    const port = (hostIP: string, protocol = 'TCP'): Partial<PodSpec> =>
      ({
        containers: [
          {
            name: 'c',
            resources: {},
            ports: [{ containerPort: 80, hostPort: 80, hostIP, protocol }],
          },
        ],
      }) as Partial<PodSpec>;
    const cluster = new TestCluster().with(node('a'), pod(undefined, port('127.0.0.1')));
    expect(cluster.place(pod(undefined, port('')))).toBe(
      text("1 node(s) didn't have free ports for the requested pod ports"),
    );
    expect(cluster.place(pod(undefined, port('10.0.0.1')))).toBe('a');
    expect(cluster.place(pod(undefined, port('127.0.0.1', 'UDP')))).toBe('a');
  });

  it('ask for the features that a node declares', () => {
    const needy = { hostNetwork: true, hostUsers: false };
    const cluster = new TestCluster().with(node('a'));
    expect(cluster.place(pod('1m', needy))).toBe(
      text("1 node(s) didn't match Pod's required features"),
    );
    cluster.with(node('b', { features: ['UserNamespacesHostNetworkSupport'] }));
    expect(cluster.place(pod('1m', needy))).toBe('b');
  });

  it('say so when a claim is not there', () => {
    const cluster = new TestCluster().with(node('a'));
    const volumes = [
      { name: 'v', persistentVolumeClaim: { claimName: 'x' } },
    ] as PodSpec['volumes'];
    expect(cluster.place(pod(undefined, { volumes }))).toBe(
      text('persistentvolumeclaim "x" not found'),
    );
  });
});

describe('topology spread', () => {
  const web = { app: 'web' };
  const spread = (more: object = {}): Partial<PodSpec> => ({
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'zone',
        whenUnsatisfiable: 'DoNotSchedule',
        labelSelector: { matchLabels: web },
        ...more,
      },
    ],
  });

  it('keeps the difference between zones', () => {
    const cluster = new TestCluster()
      .with(node('a', { cpu: '9', labels: { zone: 'x' } }), pod('1m', {}, web))
      .with(node('b', { labels: { zone: 'y' } }), pod('900m'));
    expect(cluster.place(pod('1m', spread(), web))).toBe('b');
    expect(cluster.place(pod('200m', spread(), web))).toBe(
      text("1 Insufficient cpu, 1 node(s) didn't match pod topology spread constraints", 2),
    );
  });

  it('refuses nodes without the label for good', () => {
    const cluster = new TestCluster().with(node('a'));
    expect(cluster.place(pod('1m', spread(), web))).toBe(
      text("1 node(s) didn't match pod topology spread constraints (missing required label)"),
    );
  });

  it('counts the least as none while there are fewer domains than asked for', () => {
    const cluster = new TestCluster().with(
      node('a', { labels: { zone: 'x' } }),
      pod('1m', {}, web),
    );
    expect(cluster.place(pod('1m', spread(), web))).toBe('a');
    expect(cluster.place(pod('1m', spread({ minDomains: 2 }), web))).toContain(
      "didn't match pod topology spread constraints",
    );
  });

  it('leaves out tainted nodes only when told to', () => {
    const cluster = new TestCluster()
      .with(node('a', { labels: { zone: 'x' } }), pod('1m', {}, web))
      .with(node('b', { labels: { zone: 'y' }, taints: [{ key: 'k', effect: 'NoSchedule' }] }));
    expect(cluster.place(pod('1m', spread(), web))).toContain('0/2 nodes');
    expect(cluster.place(pod('1m', spread({ nodeTaintsPolicy: 'Honor' }), web))).toBe('a');
  });

  it('does not count pods that are going', () => {
    const going = pod('1m', {}, web);
    going.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
    const cluster = new TestCluster()
      .with(node('a', { labels: { zone: 'x' } }), going)
      .with(node('b', { labels: { zone: 'y' }, cpu: '0' }));
    expect(cluster.place(pod('1m', spread(), web))).toBe('a');
  });
});

describe('affinity to other pods', () => {
  const term = (app: string): { labelSelector: object; topologyKey: string } => ({
    labelSelector: { matchLabels: { app } },
    topologyKey: 'kubernetes.io/hostname',
  });
  const near = (app: string): Partial<PodSpec> =>
    ({
      affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term(app)] } },
    }) as Partial<PodSpec>;
  const far = (app: string): Partial<PodSpec> =>
    ({
      affinity: {
        podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term(app)] },
      },
    }) as Partial<PodSpec>;

  it('keeps pods together and apart', () => {
    const cluster = new TestCluster()
      .with(node('a'), pod('900m', {}, { app: 'db' }))
      .with(node('b'));
    expect(cluster.place(pod('1m', near('db')))).toBe('a');
    expect(cluster.place(pod('1m', far('db')))).toBe('b');
    expect(cluster.place(pod('1m', near('x')))).toBe(
      text("2 node(s) didn't match pod affinity rules", 2),
    );
  });

  it('lets the first of a group go anywhere', () => {
    const cluster = new TestCluster().with(node('x'));
    expect(cluster.place(pod('1m', near('db'), { app: 'db' }))).toBe('x');
  });

  it('heeds what pods that are there already will not have near', () => {
    const cluster = new TestCluster().with(node('g'), pod('1m', far('web')));
    expect(cluster.place(pod('1m', {}, { app: 'web' }))).toBe(
      text("1 node(s) didn't satisfy existing pods anti-affinity rules"),
    );
    expect(cluster.place(pod('1m', {}, { app: 'other' }))).toBe('g');
  });

  it('looks into other namespaces by name and by label', () => {
    const other = pod('1m', {}, { app: 'db' });
    other.metadata.namespace = 'prod';
    const namespaces = [{ metadata: { name: 'prod', labels: { env: 'prod' } } }];
    const cluster = new TestCluster({ namespaces }).with(node('a'), other).with(node('b'));
    const inside = (more: object): Partial<PodSpec> =>
      ({
        affinity: {
          podAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: [{ ...term('db'), ...more }],
          },
        },
      }) as Partial<PodSpec>;
    expect(cluster.place(pod('1m', near('db')))).toContain("didn't match pod affinity rules");
    expect(cluster.place(pod('1m', inside({ namespaces: ['prod'] })))).toBe('a');
    const byLabel = { namespaceSelector: { matchLabels: { env: 'prod' } } };
    expect(cluster.place(pod('1m', inside(byLabel)))).toBe('a');
  });
});
