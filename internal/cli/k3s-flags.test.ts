import { partOf } from '../base/testing/part-of.ts';
import { describe, expect, test } from 'vitest';
import type { Disk } from '../io/disk.ts';
import { flagsOf } from './flags.ts';
import { agentConfig } from './node-config.ts';
import { serverConfig } from './server-config.ts';
import { gatherSettings } from './settings.ts';

/** No file is there: all is said on the command line. */
const noFiles = partOf<Disk>({
  list: () => Promise.resolve([]),
  readIfThere: () => Promise.resolve(undefined),
});

async function started(command: 'server' | 'agent', argv: string[]) {
  const warnings: string[] = [];
  const warn = (line: string): void => void warnings.push(line);
  const settings = await gatherSettings({ command, argv, env: {}, disk: noFiles, warn });
  const config = command === 'server' ? serverConfig(settings, warn) : agentConfig(settings, warn);
  return { config, warnings };
}

type Fate = 'works' | 'warns' | 'refused';
type Row = [flag: string, value: string | undefined, fate: Fate, why?: RegExp];

/** All flags of `k3s server`, in the order of its help, hidden ones at the end. */
const serverFlags: Row[] = [
  ['debug', undefined, 'works'],
  ['v', '2', 'works'],
  ['vmodule', 'a=1', 'warns', /-v and --debug/],
  ['log', '/tmp/k3s.log', 'warns', /standard error/],
  ['alsologtostderr', undefined, 'warns', /already/],
  ['bind-address', '10.0.0.1', 'works'],
  ['https-listen-port', '7443', 'works'],
  ['advertise-address', '10.0.0.1', 'works'],
  ['advertise-port', '7443', 'works'],
  ['tls-san', 'a.example,10.0.0.2', 'works'],
  ['tls-san-security', undefined, 'warns', /holds only what/],
  ['data-dir', '/data', 'works'],
  ['cluster-cidr', '10.52.0.0/16', 'works'],
  ['service-cidr', '10.53.0.0/16', 'works'],
  ['service-node-port-range', '30000-32000', 'works'],
  ['cluster-dns', '10.43.0.20', 'works'],
  ['cluster-domain', 'boat.local', 'works'],
  ['flannel-backend', 'wireguard-native', 'works'],
  ['flannel-ipv6-masq', undefined, 'works'],
  ['flannel-external-ip', undefined, 'works'],
  ['egress-selector-mode', 'cluster', 'works'],
  ['servicelb-namespace', 'lb', 'warns', /no pods run/],
  ['write-kubeconfig', '/tmp/k.yaml', 'works'],
  ['write-kubeconfig-mode', '644', 'works'],
  ['write-kubeconfig-group', 'wheel', 'works'],
  ['helm-job-image', 'klipper', 'warns', /Helm/],
  ['token', 'secret', 'works'],
  ['token-file', '/etc/token', 'works'],
  ['agent-token', 'secret', 'works'],
  ['agent-token-file', '/etc/token', 'works'],
  ['server', 'https://10.0.0.1:6443', 'works'],
  ['cluster-init', undefined, 'works'],
  ['cluster-reset', undefined, 'works'],
  ['kube-apiserver-arg', 'event-ttl=2h', 'works'],
  ['etcd-arg', 'quota-backend-bytes=8589934592', 'works'],
  ['kube-controller-manager-arg', 'node-monitor-grace-period=20s', 'works'],
  ['kube-scheduler-arg', 'bind-address=0.0.0.0', 'warns', /no port of its own/],
  [
    'kube-cloud-controller-manager-arg',
    'webhook-secure-port=0',
    'warns',
    /no cloud controller manager/,
  ],
  ['helm-controller-arg', 'threads=2', 'warns', /Helm/],
  ['datastore-endpoint', 'https://10.0.0.1:2379', 'works'],
  ['datastore-cafile', '/ca', 'works'],
  ['datastore-certfile', '/crt', 'works'],
  ['datastore-keyfile', '/key', 'works'],
  ['etcd-expose-metrics', undefined, 'works'],
  ['etcd-disable-snapshots', undefined, 'works'],
  ['etcd-snapshot-name', 'boat', 'works'],
  ['etcd-snapshot-schedule-cron', '0 */6 * * *', 'works'],
  ['etcd-snapshot-retention', '3', 'works'],
  ['etcd-snapshot-dir', '/backup', 'works'],
  ['etcd-snapshot-compress', undefined, 'works'],
  ['etcd-s3', undefined, 'refused', /kept in a folder; copy them/],
  ['etcd-s3-endpoint', 'minio:9000', 'warns', /kept in a folder/],
  ['etcd-s3-endpoint-ca', '/ca', 'warns', /kept in a folder/],
  ['etcd-s3-skip-ssl-verify', undefined, 'warns', /kept in a folder/],
  ['etcd-s3-access-key', 'k', 'warns', /kept in a folder/],
  ['etcd-s3-secret-key', 'k', 'warns', /kept in a folder/],
  ['etcd-s3-session-token', 't', 'warns', /kept in a folder/],
  ['etcd-s3-bucket', 'b', 'warns', /kept in a folder/],
  ['etcd-s3-bucket-lookup-type', 'dns', 'warns', /kept in a folder/],
  ['etcd-s3-region', 'r', 'warns', /kept in a folder/],
  ['etcd-s3-folder', 'f', 'warns', /kept in a folder/],
  ['etcd-s3-insecure', undefined, 'warns', /kept in a folder/],
  ['etcd-s3-timeout', '5m', 'warns', /kept in a folder/],
  ['etcd-s3-proxy', 'http://p', 'warns', /kept in a folder/],
  ['etcd-s3-config-secret', 's', 'warns', /kept in a folder/],
  ['etcd-s3-retention', '5', 'warns', /kept in a folder/],
  ['default-local-storage-path', '/data/pv', 'works'],
  ['disable', 'traefik,servicelb', 'works'],
  ['disable-scheduler', undefined, 'works'],
  ['disable-cloud-controller', undefined, 'works'],
  ['disable-kube-proxy', undefined, 'works'],
  ['disable-network-policy', undefined, 'works'],
  ['disable-helm-controller', undefined, 'works'],
  ['embedded-registry', undefined, 'warns', /not shared between nodes/],
  ['supervisor-metrics', undefined, 'warns', /already/],
  ['secrets-encryption', undefined, 'works'],
  ['secrets-encryption-provider', 'secretbox', 'warns', /AES-GCM/],
  ['disable-agent', undefined, 'works'],
  ['disable-apiserver', undefined, 'warns', /serves the API/],
  ['disable-controller-manager', undefined, 'works'],
  ['disable-etcd', undefined, 'warns', /keeps a member/],
  ['kine-tls', undefined, 'warns', /no kine/],
  ['kube-controller-arg', 'node-monitor-grace-period=20s', 'works'],
  ['kube-cloud-controller-arg', 'v=2', 'warns', /no cloud controller manager/],
  ['no-deploy', 'traefik', 'works'],
];

/** Flags of the node, which `k3s server` and `k3s agent` have both. */
/** What a server has no use for, and an agent has. */
const balancerFlags: Row[] = [
  ['lb-server-port', '6445', 'warns', /needs no load balancer/],
  ['disable-apiserver-lb', undefined, 'warns', /needs no load balancer/],
];
const nodeFlags: Row[] = [
  ['node-name', 'boat', 'works'],
  ['with-node-id', undefined, 'works'],
  ['node-label', 'a=b,c=d', 'works'],
  ['node-taint', 'a=b:NoExecute', 'works'],
  ['image-credential-provider-bin-dir', '/bin', 'warns', /imagePullSecrets/],
  ['image-credential-provider-config', '/c.yaml', 'warns', /imagePullSecrets/],
  ['docker', undefined, 'warns', /containerd/],
  ['container-runtime-endpoint', '/run/crio.sock', 'works'],
  ['image-service-endpoint', '/run/i.sock', 'warns', /container runtime/],
  ['default-runtime', 'nvidia', 'warns', /RuntimeClass/],
  ['disable-default-registry-endpoint', undefined, 'warns', /its own registry/],
  ['nonroot-devices', undefined, 'warns', /belong to root/],
  ['pause-image', 'pause:1', 'works'],
  ['snapshotter', 'native', 'works'],
  ['private-registry', '/r.yaml', 'works'],
  ['system-default-registry', 'registry.example', 'warns', /pause, is inside/],
  ['airgap-extra-registry', 'registry.example', 'warns', /pause, is inside/],
  ['node-ip', '10.0.0.1', 'works'],
  ['node-external-ip', '192.0.2.1', 'works'],
  ['node-internal-dns', 'a.example', 'works'],
  ['node-external-dns', 'a.example', 'works'],
  ['resolv-conf', '/etc/resolv.conf', 'works'],
  ['flannel-iface', 'eth1', 'works'],
  ['flannel-conf', '/f', 'warns', /--flannel-backend/],
  ['flannel-cni-conf', '/f', 'warns', /--flannel-backend/],
  ['vpn-auth', 'name=tailscale', 'refused', /without the VPN/],
  ['vpn-auth-file', '/f', 'refused', /without the VPN/],
  ['kubelet-arg', 'max-pods=200', 'works'],
  ['kube-proxy-arg', 'proxy-mode=ipvs', 'warns', /nftables/],
  ['protect-kernel-defaults', undefined, 'works'],
  ['enable-pprof', undefined, 'warns', /no Go/],
  ['rootless', undefined, 'refused', /as root all the same/],
  ['prefer-bundled-bin', undefined, 'warns', /nothing is bundled/],
  ['selinux', undefined, 'refused', /without SELinux labels/],
  ['disable-selinux', undefined, 'warns', /without SELinux labels/],
  ['no-flannel', undefined, 'works'],
  ['cluster-secret', 'secret', 'works'],
];

const joining = ['--server', 'https://10.0.0.1:6443', '--token', 'secret'];
const line = ([flag, value]: Row): string[] =>
  value === undefined ? [`--${flag}`] : [`--${flag}`, value];

async function fate(command: 'server' | 'agent', row: Row): Promise<{ is: Fate; said: string[] }> {
  try {
    const { warnings } = await started(command, [
      ...line(row),
      ...(command === 'agent' ? joining : []),
    ]);
    return { is: warnings.length > 0 ? 'warns' : 'works', said: warnings };
  } catch (error) {
    return { is: 'refused', said: [(error as Error).message] };
  }
}

describe('every flag of k3s works, warns in one line, or is refused in one', () => {
  test.each([...serverFlags, ...balancerFlags, ...nodeFlags])(
    'server --%s %s: %s',
    async (...row) => {
      const { is, said } = await fate('server', row);
      expect({ is, said }).toMatchObject({
        is: row[2],
        said: is === 'works' ? [] : [expect.stringMatching(row[3] ?? /./)],
      });
      expect(said.join('')).not.toContain('\n');
    },
  );

  test('an agent has a load balancer, which it does not go without', async () => {
    const [port, none] = balancerFlags as [Row, Row];
    expect((await fate('agent', port)).is).toBe('works');
    expect(await fate('agent', none)).toMatchObject({
      is: 'warns',
      said: [expect.stringMatching(/finds another server/)],
    });
  });

  test.each(nodeFlags)('agent --%s %s: %s', async (...row) => {
    expect((await fate('agent', row)).is).toBe(row[2]);
  });

  test('no flag of ours has a state that this table does not show', () => {
    const shown = new Set([...serverFlags, ...balancerFlags, ...nodeFlags].map(([flag]) => flag));
    expect(
      flagsOf('server')
        .filter((flag) => flag.state !== 'works' && !shown.has(flag.name))
        .map((flag) => flag.name),
    ).toEqual([]);
  });
});

/** How people start k3s, one of a kind: from READMEs, playbooks and cloud-init files. */
const commandLines: [command: 'server' | 'agent', argv: string][] = [
  ['server', '--disable traefik --disable servicelb --write-kubeconfig-mode 644'],
  [
    'server',
    '--cluster-init --disable=traefik --disable=local-storage --flannel-backend=none ' +
      '--disable-network-policy --kubelet-arg=max-pods=250',
  ],
  [
    'server',
    '--cluster-init --etcd-expose-metrics=true --kube-controller-manager-arg ' +
      'bind-address=0.0.0.0 --kube-scheduler-arg bind-address=0.0.0.0 --kube-proxy-arg ' +
      'metrics-bind-address=0.0.0.0',
  ],
  [
    'server',
    '--kubelet-arg=eviction-hard=memory.available<100Mi,nodefs.available<5% ' +
      '--kubelet-arg=eviction-minimum-reclaim=imagefs.available=1%',
  ],
  [
    'server',
    '--kubelet-arg=kube-reserved=cpu=200m,memory=500Mi ' +
      '--kubelet-arg=system-reserved=cpu=100m,memory=200Mi ' +
      '--kubelet-arg=image-gc-high-threshold=85 --kubelet-arg=image-gc-low-threshold=80',
  ],
  [
    'server',
    '--kubelet-arg=container-log-max-files=4 --kubelet-arg=container-log-max-size=50Mi ' +
      '--kubelet-arg config=/etc/rancher/k3s/kubelet.config',
  ],
  [
    'server',
    '--kube-controller-manager-arg node-monitor-period=2s --kube-controller-manager-arg ' +
      'node-monitor-grace-period=16s --kube-apiserver-arg ' +
      'default-not-ready-toleration-seconds=20 --kube-apiserver-arg ' +
      'default-unreachable-toleration-seconds=20 --kubelet-arg node-status-update-frequency=4s',
  ],
  [
    'server',
    '--kube-apiserver-arg=audit-log-path=/var/log/audit.log ' +
      '--kube-apiserver-arg=audit-policy-file=/etc/audit.yaml ' +
      '--kube-apiserver-arg=audit-log-maxage=30 ' +
      '--kube-apiserver-arg=admission-control-config-file=/etc/psa.yaml ' +
      '--protect-kernel-defaults=true --secrets-encryption=true',
  ],
  [
    'server',
    '--kube-apiserver-arg oidc-issuer-url=https://id.example --kube-apiserver-arg ' +
      'oidc-client-id=k --kube-apiserver-arg oidc-username-claim=email',
  ],
  [
    'server',
    '--kube-apiserver-arg=feature-gates=EphemeralContainers=true,A=false ' +
      '--kubelet-arg=feature-gates=NodeSwap=true',
  ],
  ['server', '--log /var/log/k3s.log --alsologtostderr -v 3 --vmodule server=4'],
  [
    'server',
    '--system-default-registry registry.example:5000 --private-registry /etc/registries.yaml ' +
      '--airgap-extra-registry registry.example',
  ],
  [
    'server',
    '--server https://10.0.0.1:6443 --token t --disable-etcd --disable-apiserver ' +
      '--node-taint node-role.kubernetes.io/control-plane:NoSchedule',
  ],
  ['server', '--docker --no-deploy traefik --no-deploy=servicelb'],
  [
    'server',
    '--datastore-endpoint postgres://k3s:secret@10.0.0.5:5432/k3s --token t --tls-san lb.example',
  ],
  [
    'server',
    '--node-external-ip 192.0.2.7 --flannel-external-ip --node-ip 10.0.0.7 --flannel-iface eth1',
  ],
  [
    'server',
    '--disable-cloud-controller --kubelet-arg=cloud-provider=external ' +
      '--kubelet-arg=provider-id=hcloud://1',
  ],
  [
    'server',
    '--kube-apiserver-arg=service-node-port-range=80-32767 --kube-apiserver-arg ' +
      'anonymous-auth=false ' +
      '--kube-apiserver-arg=enable-admission-plugins=NodeRestriction,PodSecurity,EventRateLimit',
  ],
  [
    'server',
    '--etcd-arg=quota-backend-bytes=4294967296 --etcd-arg=heartbeat-interval=500 ' +
      '--etcd-snapshot-retention=28',
  ],
  [
    'server',
    '--kube-apiserver-arg=--max-requests-inflight=800 ' +
      '--kube-controller-manager-arg=terminated-pod-gc-threshold=10 ' +
      '--kube-controller-manager-arg=node-cidr-mask-size=22 --cluster-cidr=10.240.0.0/12',
  ],
  [
    'server',
    '--helm-job-image=x --default-local-storage-path /mnt/pv --embedded-registry ' +
      '--supervisor-metrics',
  ],
  [
    'server',
    '--egress-selector-mode disabled --servicelb-namespace lb --lb-server-port 6445 ' +
      '--disable-helm-controller',
  ],
  [
    'agent',
    '--server https://10.0.0.1:6443 --token t --kubelet-arg=max-pods=30 ' +
      '--kube-proxy-arg=proxy-mode=ipvs --kube-proxy-arg ipvs-strict-arp=true --node-label a=b ' +
      '--lb-server-port 6445',
  ],
  [
    'agent',
    '-s https://10.0.0.1:6443 -t secret --with-node-id --image-credential-provider-config ' +
      '/c.yaml --prefer-bundled-bin --node-name=w-1',
  ],
];

describe('command lines that people start k3s with', () => {
  test.each(commandLines)('%s %s', async (command, argv) => {
    const { warnings } = await started(command, argv.split(' '));
    for (const warning of warnings) expect(warning).not.toMatch(/is not known|\n/);
  });
});
