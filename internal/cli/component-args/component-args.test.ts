import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../base/errors.ts';
import { apiServerArgs } from './api-server.ts';
import { controllerManagerArgs } from './controllers.ts';
import { kubeletArgs, type KubeletSettings } from './kubelet.ts';
import {
  cloudControllerArgs,
  etcdArgs,
  helmControllerArgs,
  proxyArgs,
  schedulerArgs,
} from './others.ts';
import { readArgs } from './table.ts';

function kubelet(...args: string[]): { settings: KubeletSettings; warnings: string[] } {
  const warnings: string[] = [];
  const settings = readArgs<KubeletSettings>('kubelet-arg', args, {
    table: kubeletArgs,
    settings: { options: {} },
    warn: (line) => void warnings.push(line),
  });
  return { settings, warnings };
}

test("the kubelet's arguments arrive as settings", () => {
  const { settings, warnings } = kubelet(
    'max-pods=200',
    'kube-reserved=cpu=200m,memory=500Mi',
    'system-reserved=memory=100Mi',
    'eviction-hard=memory.available<5%,nodefs.available<1Gi',
    'eviction-soft=memory.available<300Mi',
    'eviction-soft-grace-period=memory.available=1m30s',
    'eviction-pressure-transition-period=30s',
    'eviction-minimum-reclaim=nodefs.available=500Mi,imagefs.available=10%',
    'image-gc-high-threshold=70',
    'image-gc-low-threshold=60',
    'minimum-image-ttl-duration=12h',
    'container-log-max-size=50Mi',
    'container-log-max-files=3',
    'node-status-update-frequency=4s',
    'serialize-image-pulls=false',
    'max-parallel-image-pulls=5',
    'seccomp-default',
    'allowed-unsafe-sysctls=net.*,kernel.shm*',
    '--resolv-conf=/r',
    'node-labels=a=b,c=d',
  );
  expect(warnings).toEqual([]);
  expect(settings).toEqual({
    maxPods: 200,
    kubeReserved: { cpu: '200m', memory: '500Mi' },
    systemReserved: { memory: '100Mi' },
    unsafeSysctls: ['net.*', 'kernel.shm*'],
    resolvConf: '/r',
    nodeLabels: ['a=b', 'c=d'],
    options: {
      eviction: {
        hard: { 'memory.available': { share: 0.05 }, 'nodefs.available': { amount: 1024 ** 3 } },
        soft: { 'memory.available': { amount: 300 * 1024 ** 2 } },
        softGraceMs: { 'memory.available': 90_000 },
        lingerMs: 30_000,
        minReclaim: {
          'nodefs.available': { amount: 500 * 1024 ** 2 },
          'imagefs.available': { share: 0.1 },
        },
      },
      imageGc: { highShare: 0.7, lowShare: 0.6, leastAgeMs: 43_200_000 },
      logs: { maxBytes: 50 * 1024 ** 2, maxFiles: 3 },
      statusReportMs: 4000,
      maxParallelPulls: 5,
      seccompDefault: true,
    },
  });
});

describe('what is wrong is one warning that names the argument, and changes nothing', () => {
  test.each([
    ['max-pods=many', /max-pods is not taken: "many" is not a whole number/],
    ['max-pods=0', /0 is less than one/],
    ['max-pods', /"true" is not a whole number/],
    ['eviction-hard=memory.available', /"memory\.available" is not signal<amount/],
    ['eviction-hard=pid.available<10%', /"pid\.available" is not measured here/],
    ['eviction-hard=memory.available<200%', /not a share/],
    ['eviction-hard=memory.available<lots', /"lots" is not an amount/],
    ['kube-reserved=cpu', /"cpu" is not name=value/],
    ['kube-reserved=pid=100', /no resource "pid" to reserve/],
    ['image-gc-high-threshold=101', /101 is more than 100/],
    ['eviction-pressure-transition-period=5', /"5" is not a duration/],
    ['container-log-max-size=-1', /not an amount of bytes/],
    ['node-status-update-frequency=0s', /must be greater than 0/],
    ['seccomp-default=maybe', /neither true nor false/],
    ['max-podz=3', /"max-podz" is not known and has no effect/],
    ['=3', /"=3" is not name=value/],
    ['a b=3', /is not name=value/],
    ['x\ny=1', /"x\\ny=1" is not name=value/],
    ['constructor=1', /"constructor" is not known/],
    ['read-only-port=10255', /read-only-port has no effect here: the node serves one port/],
  ])('%j', (arg, expected) => {
    const { settings, warnings } = kubelet(arg);
    expect(warnings).toEqual([expect.stringMatching(expected)]);
    expect(warnings[0]).not.toContain('\n');
    expect(settings).toEqual({ options: {} });
  });
});

test('the last of a name wins, and is judged once', () => {
  const { settings, warnings } = kubelet('max-pods=no', 'max-pods=10', 'v=1', 'v=2');
  expect([settings.maxPods, warnings.length]).toEqual([10, 1]);
});

test("kube-apiserver's and kube-controller-manager's arrive too", () => {
  const warnings: string[] = [];
  const warn = (line: string): void => void warnings.push(line);
  const args = [
    'anonymous-auth=false',
    'event-ttl=2h30m',
    'api-audiences=a,b',
    'default-not-ready-toleration-seconds=20',
    'service-node-port-range=80-90',
    'enable-admission-plugins=NodeRestriction,DenyServiceExternalIPs,EventRateLimit',
  ];
  expect(
    readArgs('kube-apiserver-arg', args, { table: apiServerArgs, settings: {}, warn }),
  ).toEqual({
    anonymousAuth: false,
    eventTtlSeconds: 9000,
    audiences: ['a', 'b'],
    notReadyTolerationSeconds: 20,
    denyExternalIps: true,
    nodePortRange: { from: 80, to: 90 },
  });
  expect(warnings).toEqual([
    '--kube-apiserver-arg: enable-admission-plugins: EventRateLimit: there is no such ' +
      'admission plug-in here',
  ]);
  expect(
    readArgs(
      'kube-controller-manager-arg',
      ['node-monitor-grace-period=16s', 'terminated-pod-gc-threshold=0', 'node-cidr-mask-size=22'],
      { table: controllerManagerArgs, settings: {}, warn },
    ),
  ).toEqual({ nodeMonitorGraceMs: 16_000, terminatedPodGcThreshold: 0, nodeCidrMaskSize: 22 });
  expect(warnings).toHaveLength(1);
});

test('what would be unsafe to go on without is refused', () => {
  const read = (arg: string) => () =>
    readArgs('kube-apiserver-arg', [arg], {
      table: apiServerArgs,
      settings: {},
      warn: () => undefined,
    });
  expect(read('encryption-provider-config=/e.yaml')).toThrow(ConfigError);
  expect(read('token-auth-file=/t.csv')).toThrow(/a file of fixed tokens is not read/);
});

test('etcd takes what tunes it and not what would move it', () => {
  const warnings: string[] = [];
  expect(
    readArgs(
      'etcd-arg',
      ['quota-backend-bytes=8', 'data-dir=/x', 'force-new-cluster', 'unsafe-no-fsync'],
      { table: etcdArgs, settings: {}, warn: (line) => void warnings.push(line) },
    ),
  ).toEqual({ 'quota-backend-bytes': '8' });
  expect(warnings).toHaveLength(3);
});

test('every argument is in its table once', () => {
  for (const table of [
    kubeletArgs,
    apiServerArgs,
    controllerManagerArgs,
    schedulerArgs,
    proxyArgs,
    cloudControllerArgs,
    etcdArgs,
    helmControllerArgs,
  ]) {
    for (const [name, arg] of table) {
      expect(name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      if ('none' in arg) expect(arg.none.length).toBeGreaterThan(10);
    }
  }
});
