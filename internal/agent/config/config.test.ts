import { partOf } from '../../base/testing/part-of.ts';
import { describe, expect, it } from 'vitest';
import type { Container, Pod, PodSpec } from '../../api/generated/types/core-v1.ts';
import { NamespaceMode, ProfileType, Signal } from '../../wire/cri/cri.ts';
import { containerConfig, type ContainerInput } from './container-config.ts';
import type { NodeFacts } from './node-facts.ts';
import { parseResolvConf, podDns } from './pod-dns.ts';
import { podTotal, qosOf } from './pod-resources.ts';
import {
  containerResources,
  cpuQuota,
  cpuShares,
  oomScoreAdjust,
  pageSizeName,
} from './resources.ts';
import { sandboxConfig } from './sandbox-config.ts';

const node: NodeFacts = {
  logRoot: '/var/log/pods',
  seccompRoot: '/var/lib/kubelet/seccomp',
  clusterDns: ['10.43.0.10'],
  clusterDomain: 'cluster.local',
  hostDns: { servers: ['9.9.9.9'], searches: ['lan'], options: ['timeout:1'] },
  memoryCapacityBytes: 1024 ** 3,
  hugePageSizes: ['2MB'],
};

function podOf(spec: Partial<PodSpec> = {}, container: Partial<Container> = {}): Pod {
  return partOf<Pod>({
    metadata: {
      name: 'web',
      namespace: 'ns',
      uid: 'u',
      labels: { a: 'b' },
      annotations: { x: 'y' },
    },
    spec: { containers: [{ name: 'c', image: 'i', resources: {}, ...container }], ...spec },
  });
}

const sandbox = (spec: Partial<PodSpec> = {}, container: Partial<Container> = {}) =>
  sandboxConfig(podOf(spec, container), { node, attempt: 1, cgroupParent: '/kubepods/podu' })
    .config;

function config(
  spec: Partial<PodSpec> = {},
  container: Partial<Container> = {},
  more: Partial<ContainerInput> = {},
) {
  const pod = podOf(spec, container);
  return containerConfig({
    pod,
    container: pod.spec.containers[0]!,
    node,
    restartCount: 2,
    image: { ref: 'sha256:1' },
    environment: new Map([['A', '1']]),
    mounts: [],
    ...more,
  });
}

describe('sandboxConfig', () => {
  it('names, labels and logs as the kubelet', () => {
    expect(sandbox()).toMatchObject({
      metadata: { name: 'web', namespace: 'ns', uid: 'u', attempt: 1 },
      hostname: 'web',
      logDirectory: '/var/log/pods/ns_web_u',
      labels: {
        a: 'b',
        'io.kubernetes.pod.name': 'web',
        'io.kubernetes.pod.namespace': 'ns',
        'io.kubernetes.pod.uid': 'u',
      },
      annotations: { x: 'y' },
      dnsConfig: {
        servers: ['10.43.0.10'],
        searches: ['ns.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'lan'],
        options: ['ndots:5'],
      },
      linux: {
        cgroupParent: '/kubepods/podu',
        securityContext: {
          privileged: false,
          namespaceOptions: {
            network: NamespaceMode.POD,
            pid: NamespaceMode.CONTAINER,
            ipc: NamespaceMode.POD,
          },
          seccomp: { profileType: ProfileType.RuntimeDefault },
        },
      },
    });
    expect(sandbox().portMappings).toBeUndefined();
  });

  it('knows hostnames', () => {
    expect(sandbox({ hostname: 'h', subdomain: 's' }).hostname).toBe('h');
    expect(sandbox({ hostname: 'h', subdomain: 's', setHostnameAsFQDN: true }).hostname).toBe(
      'h.s.ns.svc.cluster.local',
    );
    expect(sandbox({ hostnameOverride: 'x.y' }).hostname).toBe('x.y');
    expect(sandbox({ hostNetwork: true }).hostname).toBe('');
    expect(() =>
      sandbox({ hostname: 'h'.repeat(50), subdomain: 's', setHostnameAsFQDN: true }),
    ).toThrow('is too long (64 characters is the max, 73 characters requested)');
  });

  it.each([
    { hostname: 'a\n1.2.3.4 bank.com' },
    { hostnameOverride: 'a b' },
    { hostname: 'a', subdomain: 's\tt' },
    { hostname: '-x' },
  ])('takes no hostname %j', (spec) => {
    expect(() => sandbox(spec)).toThrow('was invalid');
  });

  it('is privileged when any container is', () => {
    const made = sandbox(
      {
        hostPID: true,
        hostIPC: true,
        securityContext: {
          fsGroup: 5,
          supplementalGroups: [6],
          runAsUser: 7,
          sysctls: [{ name: 'k', value: 'v' }],
        },
      },
      { securityContext: { privileged: true } },
    );
    expect(made.linux).toMatchObject({
      sysctls: { k: 'v' },
      securityContext: {
        privileged: true,
        supplementalGroups: [5, 6],
        runAsUser: { value: 7 },
        namespaceOptions: { pid: NamespaceMode.NODE, ipc: NamespaceMode.NODE },
      },
    });
  });
});

describe('podDns', () => {
  it('goes by policy', () => {
    expect(
      podDns(podOf({ dnsPolicy: 'ClusterFirst', hostNetwork: true }), node).dns.servers,
    ).toEqual(['9.9.9.9']);
    expect(
      podDns(podOf({ dnsPolicy: 'ClusterFirstWithHostNet', hostNetwork: true }), node).dns.servers,
    ).toEqual(['10.43.0.10']);
    const dnsConfig = {
      nameservers: ['1.1.1.1'],
      searches: ['a'],
      options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }],
    };
    expect(podDns(podOf({ dnsPolicy: 'None', dnsConfig }), node).dns).toEqual({
      servers: ['1.1.1.1'],
      searches: ['a'],
      options: ['ndots:2', 'edns0'],
    });
    expect(podDns(podOf({ dnsConfig }), node).dns.options).toEqual(['ndots:2', 'edns0']);
  });

  it('keeps to the limits and says so', () => {
    const { dns, warnings } = podDns(
      podOf({
        dnsConfig: {
          nameservers: ['1.0.0.1', '2.0.0.2', '3.0.0.3'],
          searches: ['x'.repeat(300), ...Array.from({ length: 40 }, (_, i) => `s${i}`)],
        },
      }),
      node,
    );
    expect(dns.servers).toEqual(['10.43.0.10', '1.0.0.1', '2.0.0.2']);
    expect(dns.searches.length).toBe(31);
    expect(warnings[0]).toBe(
      'Nameserver limits were exceeded, some nameservers have been omitted, the applied ' +
        'nameserver line is: 10.43.0.10 1.0.0.1 2.0.0.2',
    );
    expect(warnings[1]).toContain('Search Line limits were exceeded');
  });

  it.each<
    [
      string,
      {
        nameservers?: string[];
        searches?: string[];
        options?: { name?: string; value?: string }[];
      },
    ]
  >([
    ['a nameserver of two lines', { nameservers: ['1.1.1.1\nnameserver 6.6.6.6'] }],
    ['a nameserver that is a name', { nameservers: ['ns.example.org'] }],
    ['a search path of two lines', { searches: ['a\nnameserver 6.6.6.6'] }],
    ['a search path with a space', { searches: ['a b'] }],
    ['an option of two lines', { options: [{ name: 'ndots', value: '2\nnameserver 6.6.6.6' }] }],
    ['an option with a space', { options: [{ name: 'edns0 rotate' }] }],
    ['an option without a name', { options: [{ value: 'x' }] }],
  ])('leaves out %s and says so', (_what, dnsConfig) => {
    const { dns, warnings } = podDns(
      podOf({
        dnsPolicy: 'None',
        dnsConfig: {
          nameservers: [...(dnsConfig.nameservers ?? []), 'fe80::1'],
          searches: [...(dnsConfig.searches ?? []), 'good.example.'],
          options: [...(dnsConfig.options ?? []), { name: 'timeout', value: '1' }],
        },
      }),
      node,
    );
    expect(dns).toEqual({
      servers: ['fe80::1'],
      searches: ['good.example.'],
      options: ['timeout:1'],
    });
    expect(warnings).toEqual([expect.stringMatching(/^Invalid .* was omitted/)]);
  });

  it('reads resolv.conf', () => {
    expect(
      parseResolvConf(
        '# c\nnameserver 1.1.1.1\nnameserver 2.2.2.2\nsearch a. b\nsearch . c.\noptions ' +
          'ndots:2 x\noptions ndots:3\n',
      ),
    ).toEqual({ servers: ['1.1.1.1', '2.2.2.2'], searches: ['c'], options: ['ndots:3', 'x'] });
  });
});

describe('containerConfig', () => {
  it('tells the runtime everything', () => {
    const made = config(
      { terminationGracePeriodSeconds: 30 },
      {
        command: ['$(A)'],
        args: ['$$(A)', '$(B)'],
        terminationMessagePath: '/m',
        terminationMessagePolicy: 'File',
        lifecycle: { stopSignal: 'SIGUSR1', preStop: { sleep: { seconds: 1 } } },
      },
    );
    expect(made).toMatchObject({
      metadata: { name: 'c', attempt: 2 },
      image: { image: 'sha256:1', userSpecifiedImage: 'i' },
      command: ['1'],
      args: ['$(A)', '$(B)'],
      logPath: 'c/2.log',
      stopSignal: Signal.SIGUSR1,
    });
    expect(made.labels).toEqual({
      'io.kubernetes.pod.name': 'web',
      'io.kubernetes.pod.namespace': 'ns',
      'io.kubernetes.pod.uid': 'u',
      'io.kubernetes.container.name': 'c',
    });
    expect(made.annotations).toMatchObject({
      'io.kubernetes.container.restartCount': '2',
      'io.kubernetes.container.terminationMessagePath': '/m',
      'io.kubernetes.container.terminationMessagePolicy': 'File',
      'io.kubernetes.pod.terminationGracePeriod': '30',
      'io.kubernetes.container.preStopHandler': '{"sleep":{"seconds":1}}',
    });
    expect(made.linux?.securityContext).toMatchObject({
      runAsUser: { value: 0 },
      noNewPrivs: false,
      seccomp: { profileType: ProfileType.Unconfined },
    });
    expect(made.linux?.securityContext?.maskedPaths).toContain('/proc/kcore');
  });

  it('merges security contexts', () => {
    const made = config(
      {
        securityContext: {
          runAsUser: 5,
          runAsGroup: 6,
          seccompProfile: { type: 'RuntimeDefault' },
        },
      },
      {
        securityContext: {
          runAsUser: 7,
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          procMount: 'Unmasked',
          capabilities: { add: ['NET_ADMIN'], drop: ['ALL'] },
        },
      },
    ).linux?.securityContext;
    expect(made).toMatchObject({
      runAsUser: { value: 7 },
      runAsGroup: { value: 6 },
      noNewPrivs: true,
      readonlyRootfs: true,
      maskedPaths: [],
      capabilities: { addCapabilities: ['NET_ADMIN'], dropCapabilities: ['ALL'] },
      seccomp: { profileType: ProfileType.RuntimeDefault },
    });
    expect(
      config({}, {}, { image: { ref: 'r', username: 'web' } }).linux?.securityContext
        ?.runAsUsername,
    ).toBe('web');
    expect(
      config({}, {}, { targetId: 't' }).linux?.securityContext?.namespaceOptions,
    ).toMatchObject({ pid: NamespaceMode.TARGET, targetId: 't' });
  });

  it.each(['/etc/passwd', '../../x', 'a/../../b', '..', 'a\0b'])(
    'takes no seccomp profile outside its folder: %j',
    (localhostProfile) => {
      expect(() =>
        config({ securityContext: { seccompProfile: { type: 'Localhost', localhostProfile } } }),
      ).toThrow('must be a path below');
    },
  );

  it.each(['constructor', 'toString', '__proto__'])('knows no signal %s', (stopSignal) => {
    expect(config({}, { lifecycle: { stopSignal } }).stopSignal).toBeUndefined();
  });

  it('refuses to run as root where that is forbidden', () => {
    const where = '(pod: "web_ns(u)", container: c)';
    const only = { securityContext: { runAsNonRoot: true } };
    expect(() => config(only)).toThrow(
      `container has runAsNonRoot and image will run as root ${where}`,
    );
    expect(() => config(only, {}, { image: { ref: 'r', username: 'web' } })).toThrow(
      'container has runAsNonRoot and image has non-numeric user (web), cannot verify user ' +
        `is non-root ${where}`,
    );
    expect(() => config({ securityContext: { runAsNonRoot: true, runAsUser: 0 } })).toThrow(
      `container's runAsUser breaks non-root policy ${where}`,
    );
    expect(() => config(only, {}, { image: { ref: 'r', uid: 9 } })).not.toThrow();
  });
});

describe('resources', () => {
  it('counts shares and quota', () => {
    expect([cpuShares(0n), cpuShares(1n), cpuShares(1000n), cpuShares(10_000_000n)]).toEqual([
      2, 2, 1024, 262_144,
    ]);
    expect([cpuQuota(0n), cpuQuota(1n), cpuQuota(250n)]).toEqual([0, 1000, 25_000]);
    expect(pageSizeName('2Mi')).toBe('2MB');
  });

  it('makes limits for a container', () => {
    const pod = podOf(
      {},
      { resources: { limits: { cpu: '500m', memory: '64Mi', 'hugepages-2Mi': '4Mi' } } },
    );
    expect(containerResources(pod, pod.spec.containers[0]!, node)).toEqual({
      cpuShares: 512,
      cpuQuota: 50_000,
      cpuPeriod: 100_000,
      memoryLimitInBytes: 67_108_864,
      oomScoreAdj: -997,
      hugepageLimits: [{ pageSize: '2MB', limit: 4_194_304 }],
    });
  });

  it('knows classes and scores', () => {
    const guaranteed = podOf({}, { resources: { limits: { cpu: '1', memory: '1Gi' } } });
    const burstable = podOf({}, { resources: { requests: { memory: '1Mi' } } });
    const best = podOf();
    expect([guaranteed, burstable, best].map(qosOf)).toEqual([
      'Guaranteed',
      'Burstable',
      'BestEffort',
    ]);
    expect(
      [guaranteed, burstable, best].map((p) => oomScoreAdjust(p, p.spec.containers[0]!, 1024 ** 3)),
    ).toEqual([-997, 999, 1000]);
    expect(
      oomScoreAdjust(
        podOf({ priorityClassName: 'system-node-critical' }),
        best.spec.containers[0]!,
        1,
      ),
    ).toBe(-997);
  });

  it('sums a pod at its worst moment', () => {
    const of = (cpu: string, more: object = {}): Container =>
      ({ name: cpu, resources: { requests: { cpu } }, ...more }) as Container;
    const pod = podOf({
      containers: [of('1'), of('2')],
      initContainers: [of('1', { restartPolicy: 'Always' }), of('5')],
    });
    expect(podTotal(pod, 'requests', 'cpu')?.toString()).toBe('6');
    expect(podTotal(pod, 'limits', 'cpu')).toBeUndefined();
  });
});
