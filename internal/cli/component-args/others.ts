import type { SchedulerSettings } from '../../supervisor/config.ts';
import { none, takes, type Arg, type ArgTable } from './table.ts';
import { pairs, text } from './values.ts';

export type NoSettings = Record<string, never>;
export type EtcdSettings = Record<string, string>;

const logging = 'v vmodule logging-format log-flush-frequency';
const settled = 'it is settled by this program, not by a flag';
const gates: Arg<object> = takes(
  pairs,
  () => 'feature gates are as Kubernetes 1.36 has them by default',
);
const ownPort =
  'it has no port of its own; metrics are on /metrics of the API server and of the node';

/** kube-scheduler's arguments. */
export const schedulerArgs: ArgTable<SchedulerSettings> = new Map<string, Arg<SchedulerSettings>>([
  ['feature-gates', gates],
  [
    'config',
    {
      ...takes<SchedulerSettings, string>(text, (s, path) => void (s.configFile = path)),
      // Another scheduling than the one that was asked for is not a default to fall back on.
      strict: true,
    },
  ],
  ...none<SchedulerSettings>(
    ownPort,
    'bind-address address secure-port port tls-cert-file tls-private-key-file ' +
      'tls-cipher-suites tls-min-version authentication-kubeconfig authorization-kubeconfig ' +
      'authorization-always-allow-paths client-ca-file requestheader-client-ca-file',
  ),
  ...none<SchedulerSettings>('it is so already', 'profiling contention-profiling leader-elect'),
  ...none<SchedulerSettings>(
    settled,
    `${logging} kubeconfig master kube-api-qps kube-api-burst kube-api-content-type ` +
      'leader-elect-lease-duration leader-elect-renew-deadline leader-elect-retry-period ' +
      'leader-elect-resource-lock leader-elect-resource-name leader-elect-resource-namespace ' +
      'pod-max-in-unschedulable-pods-duration policy-config-file algorithm-provider',
  ),
]);

/** kube-proxy's arguments. */
export const proxyArgs: ArgTable<NoSettings> = new Map<string, Arg<NoSettings>>([
  ['feature-gates', gates],
  ['proxy-mode', { none: 'services are carried out by nftables' }],
  ['cluster-cidr', { none: 'say --cluster-cidr on the server' }],
  ['nodeport-addresses', { none: 'NodePorts answer on all addresses of the node' }],
  ['masquerade-all', { none: 'the address of a client is kept wherever it can be' }],
  ['config', { none: 'a KubeProxyConfiguration is not read' }],
  ...none<NoSettings>(
    ownPort,
    'bind-address metrics-bind-address healthz-bind-address metrics-port healthz-port ' +
      'bind-address-hard-fail',
  ),
  ...none<NoSettings>(
    'services are carried out by nftables, which has nothing to tune there',
    'ipvs-scheduler ipvs-strict-arp ipvs-sync-period ipvs-min-sync-period ipvs-exclude-cidrs ' +
      'ipvs-tcp-timeout ipvs-tcpfin-timeout ipvs-udp-timeout iptables-masquerade-bit ' +
      'iptables-sync-period iptables-min-sync-period iptables-localhost-nodeports ' +
      'conntrack-max conntrack-max-per-core conntrack-min conntrack-tcp-be-liberal ' +
      'conntrack-tcp-timeout-close-wait conntrack-tcp-timeout-established ' +
      'conntrack-udp-timeout conntrack-udp-timeout-stream detect-local-mode ' +
      'pod-bridge-interface pod-interface-name-prefix oom-score-adj config-sync-period cleanup ' +
      'proxy-port-range udp-timeout',
  ),
  ...none<NoSettings>(
    settled,
    `${logging} hostname-override kubeconfig master profiling kube-api-qps kube-api-burst ` +
      'kube-api-content-type show-hidden-metrics-for-version write-config-to init-only',
  ),
]);

/** Arguments of the cloud controller manager; there is none here. */
export const cloudControllerArgs: ArgTable<NoSettings> = new Map(
  none<NoSettings>(
    'there is no cloud controller manager: nodes have their addresses from --node-ip and ' +
      '--node-external-ip',
    `${logging} bind-address address secure-port port webhook-bind-address ` +
      'webhook-secure-port allow-untagged-cloud allocate-node-cidrs authentication-kubeconfig ' +
      'authorization-kubeconfig cluster-cidr cloud-provider cloud-config cluster-name ' +
      'configure-cloud-routes controllers feature-gates kubeconfig leader-elect ' +
      'leader-elect-resource-name leader-elect-lease-duration leader-elect-renew-deadline ' +
      'leader-elect-retry-period node-status-update-frequency node-monitor-period profiling ' +
      'concurrent-service-syncs concurrent-node-syncs route-reconciliation-period ' +
      'use-service-account-credentials',
  ),
);

/**
 * Flags of etcd that may be given to the one beside the server; the others say where it listens and
 * who its members are.
 */
const tunable =
  'quota-backend-bytes snapshot-count heartbeat-interval election-timeout max-request-bytes ' +
  'max-txn-ops max-wals max-snapshots auto-compaction-mode auto-compaction-retention ' +
  'backend-batch-interval backend-batch-limit grpc-keepalive-min-time ' +
  'grpc-keepalive-interval grpc-keepalive-timeout log-level metrics listen-metrics-urls ' +
  'tls-min-version cipher-suites initial-election-tick-advance pre-vote ' +
  'experimental-compaction-batch-limit experimental-watch-progress-notify-interval ' +
  'experimental-warning-apply-duration experimental-initial-corrupt-check ' +
  'experimental-corrupt-check-time strict-reconfig-check';

export const etcdArgs: ArgTable<EtcdSettings> = new Map<string, Arg<EtcdSettings>>([
  ...tunable
    .split(' ')
    .map((name): [string, Arg<EtcdSettings>] => [
      name,
      takes(text, (settings, value) => void (settings[name] = value)),
    ]),
  ...none<EtcdSettings>(
    'where the etcd beside the server keeps its data, listens and finds its members is ' +
      'settled by the server',
    'name data-dir wal-dir listen-client-urls listen-client-http-urls advertise-client-urls ' +
      'listen-peer-urls initial-advertise-peer-urls initial-cluster initial-cluster-state ' +
      'initial-cluster-token cert-file key-file trusted-ca-file client-cert-auth ' +
      'peer-cert-file peer-key-file peer-trusted-ca-file peer-client-cert-auth ' +
      'peer-cert-allowed-cn force-new-cluster discovery discovery-srv proxy enable-v2 ' +
      'enable-pprof logger log-outputs config-file auth-token unsafe-no-fsync',
  ),
]);

/** The arguments of k3s' helm-controller. */
export const helmControllerArgs: ArgTable<NoSettings> = new Map(
  none<NoSettings>(
    'the Helm controller is a part of the server',
    'threads debug debug-level default-job-image job-cluster-role node-name namespace ' +
      'controller-name kubeconfig master-url pprof-port',
  ),
);
