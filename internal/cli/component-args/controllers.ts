import type { ControllerSettings } from '../../supervisor/config.ts';
import { none, takes, type Arg, type ArgTable } from './table.ts';
import { pairs, someTime, whole, WrongValue } from './values.ts';

function maskSize(value: string): number {
  const size = whole(value);
  if (size < 8 || size > 30)
    throw new WrongValue(`${size} is not the size of a range of pods (8 to 30)`);
  return size;
}

/** kube-controller-manager's arguments. */
export const controllerManagerArgs: ArgTable<ControllerSettings> = new Map<
  string,
  Arg<ControllerSettings>
>([
  ['node-monitor-grace-period', takes(someTime, (s, ms) => void (s.nodeMonitorGraceMs = ms))],
  ['node-startup-grace-period', takes(someTime, (s, ms) => void (s.nodeStartupGraceMs = ms))],
  ['terminated-pod-gc-threshold', takes(whole, (s, n) => void (s.terminatedPodGcThreshold = n))],
  ['node-cidr-mask-size', takes(maskSize, (s, size) => void (s.nodeCidrMaskSize = size))],
  ['node-cidr-mask-size-ipv4', takes(maskSize, (s, size) => void (s.nodeCidrMaskSize = size))],
  ['feature-gates', takes(pairs, () => 'feature gates are as Kubernetes 1.36 has them by default')],
  [
    'node-monitor-period',
    { none: 'nodes are not polled: a silent one is noticed when its grace period ends' },
  ],
  [
    'pod-eviction-timeout',
    {
      none:
        'Kubernetes has no such argument any more; say ' +
        '--kube-apiserver-arg=default-not-ready-toleration-seconds=N and ' +
        'default-unreachable-toleration-seconds=N',
    },
  ],
  ['node-cidr-mask-size-ipv6', { none: 'the pod network is IPv4' }],
  ['cluster-cidr', { none: 'say --cluster-cidr' }],
  ['service-cluster-ip-range', { none: 'say --service-cidr' }],
  ['allocate-node-cidrs', { none: 'every node gets a range of cluster-cidr' }],
  [
    'controllers',
    { none: 'all controllers run; --disable-controller-manager takes all of them away' },
  ],
  [
    'cluster-signing-duration',
    { none: 'a certificate lives as long as its request asks, at most a year' },
  ],
  ...none<ControllerSettings>(
    'controllers have no port of their own',
    'bind-address address secure-port port tls-cert-file tls-private-key-file ' +
      'tls-cipher-suites tls-min-version http2-max-streams-per-connection ' +
      'authentication-kubeconfig authorization-kubeconfig authorization-always-allow-paths ' +
      'authentication-skip-lookup authentication-tolerate-lookup-failure ' +
      'requestheader-client-ca-file client-ca-file',
  ),
  ...none<ControllerSettings>(
    'it is so already',
    'use-service-account-credentials profiling contention-profiling configure-cloud-routes ' +
      'cloud-provider allocate-node-cidr root-ca-file service-account-private-key-file ' +
      'cluster-signing-cert-file cluster-signing-key-file ' +
      'cluster-signing-kube-apiserver-client-cert-file ' +
      'cluster-signing-kube-apiserver-client-key-file cluster-signing-kubelet-client-cert-file ' +
      'cluster-signing-kubelet-client-key-file cluster-signing-kubelet-serving-cert-file ' +
      'cluster-signing-kubelet-serving-key-file cluster-signing-legacy-unknown-cert-file ' +
      'cluster-signing-legacy-unknown-key-file enable-garbage-collector ' +
      'enable-dynamic-provisioning',
  ),
  ...none<ControllerSettings>(
    'servers elect a leader by themselves, and a single one does not',
    'leader-elect leader-elect-lease-duration leader-elect-renew-deadline ' +
      'leader-elect-retry-period leader-elect-resource-lock leader-elect-resource-name ' +
      'leader-elect-resource-namespace leader-migration-config enable-leader-migration',
  ),
  ...none<ControllerSettings>(
    'controllers are pushed what changes, and share no budget that could be set',
    'concurrent-cron-job-syncs concurrent-daemonset-syncs concurrent-deployment-syncs ' +
      'concurrent-endpoint-syncs concurrent-ephemeralvolume-syncs concurrent-gc-syncs ' +
      'concurrent-horizontal-pod-autoscaler-syncs concurrent-job-syncs ' +
      'concurrent-namespace-syncs concurrent-rc-syncs concurrent-replicaset-syncs ' +
      'concurrent-resource-quota-syncs concurrent-service-endpoint-syncs ' +
      'concurrent-service-syncs concurrent-serviceaccount-token-syncs ' +
      'concurrent-statefulset-syncs concurrent-ttl-after-finished-syncs ' +
      'concurrent-validating-admission-policy-status-syncs kube-api-qps kube-api-burst ' +
      'kube-api-content-type min-resync-period controller-start-interval namespace-sync-period ' +
      'resource-quota-sync-period pvclaimbinder-sync-period route-reconciliation-period ' +
      'node-sync-period deployment-controller-sync-period endpoint-updates-batch-period ' +
      'endpointslice-updates-batch-period mirroring-concurrent-service-endpoint-syncs ' +
      'mirroring-endpointslice-updates-batch-period mirroring-max-endpoints-per-subset ' +
      'max-endpoints-per-slice large-cluster-size-threshold node-eviction-rate ' +
      'secondary-node-eviction-rate unhealthy-zone-threshold enable-taint-manager ' +
      'legacy-service-account-token-clean-up-period',
  ),
  ...none<ControllerSettings>(
    'pods are not scaled by load in this release',
    'horizontal-pod-autoscaler-sync-period horizontal-pod-autoscaler-downscale-stabilization ' +
      'horizontal-pod-autoscaler-tolerance horizontal-pod-autoscaler-cpu-initialization-period ' +
      'horizontal-pod-autoscaler-initial-readiness-delay ' +
      'horizontal-pod-autoscaler-use-rest-clients',
  ),
  ...none<ControllerSettings>(
    'volumes are attached by no controller in this release',
    'attach-detach-reconcile-sync-period disable-attach-detach-reconcile-sync ' +
      'disable-force-detach-on-timeout flex-volume-plugin-dir enable-hostpath-provisioner ' +
      'pv-recycler-minimum-timeout-nfs pv-recycler-pod-template-filepath-nfs ' +
      'pv-recycler-timeout-increment-hostpath volume-host-cidr-denylist ' +
      'volume-host-allow-local-loopback',
  ),
  ...none<ControllerSettings>(
    'it is settled by this program, not by a flag',
    'v vmodule logging-format log-flush-frequency kubeconfig master cloud-config ' +
      'cluster-name cidr-allocator-type external-cloud-volume-plugin ' +
      'show-hidden-metrics-for-version allow-metric-labels disabled-metrics emulated-version',
  ),
]);
