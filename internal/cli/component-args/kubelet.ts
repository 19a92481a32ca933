import type { KubeletOptions } from '../../agent/options.ts';
import {
  count,
  gracePeriods,
  list,
  milliseconds,
  pairs,
  percent,
  reclaims,
  resources,
  someTime,
  text,
  thresholds,
  truth,
  whole,
  bytes,
} from './values.ts';
import { none, takes, type Arg, type ArgTable } from './table.ts';

export interface KubeletSettings {
  maxPods?: number;
  kubeReserved?: Record<string, string>;
  systemReserved?: Record<string, string>;
  resolvConf?: string;
  nodeName?: string;
  nodeLabels?: string[];
  nodeTaints?: string[];
  unsafeSysctls?: string[];
  options: KubeletOptions;
}

const eviction = (settings: KubeletSettings): NonNullable<KubeletOptions['eviction']> =>
  (settings.options.eviction ??= {});
const imageGc = (settings: KubeletSettings): NonNullable<KubeletOptions['imageGc']> =>
  (settings.options.imageGc ??= {});
const shutdown = (settings: KubeletSettings): NonNullable<KubeletOptions['shutdown']> =>
  (settings.options.shutdown ??= { totalMs: 0, criticalMs: 0 });
const logs = (settings: KubeletSettings): NonNullable<KubeletOptions['logs']> =>
  (settings.options.logs ??= {});

const already = 'it is so already';
const noPort = 'the node serves one port, 10250, with TLS and authorization';
const settled = 'it is settled by this program, not by a flag';
const otherWay = 'the agent works another way and has nothing to tune there';
const noTopology = 'containers are not pinned to processors or memory';

/** The kubelet's arguments. */
export const kubeletArgs: ArgTable<KubeletSettings> = new Map<string, Arg<KubeletSettings>>([
  ['max-pods', takes(count, (s, n) => void (s.maxPods = n))],
  ['kube-reserved', takes(resources, (s, r) => void (s.kubeReserved = r))],
  ['system-reserved', takes(resources, (s, r) => void (s.systemReserved = r))],
  ['eviction-hard', takes(thresholds, (s, t) => void (eviction(s).hard = t))],
  ['eviction-soft', takes(thresholds, (s, t) => void (eviction(s).soft = t))],
  ['eviction-soft-grace-period', takes(gracePeriods, (s, g) => void (eviction(s).softGraceMs = g))],
  ['eviction-minimum-reclaim', takes(reclaims, (s, r) => void (eviction(s).minReclaim = r))],
  [
    'eviction-max-pod-grace-period',
    takes(whole, (s, n) => void (eviction(s).maxPodGraceSeconds = n)),
  ],
  [
    'eviction-pressure-transition-period',
    takes(milliseconds, (s, ms) => void (eviction(s).lingerMs = ms)),
  ],
  ['image-gc-high-threshold', takes(percent, (s, share) => void (imageGc(s).highShare = share))],
  ['image-gc-low-threshold', takes(percent, (s, share) => void (imageGc(s).lowShare = share))],
  ['minimum-image-ttl-duration', takes(milliseconds, (s, ms) => void (imageGc(s).leastAgeMs = ms))],
  ['container-log-max-size', takes(bytes, (s, n) => void (logs(s).maxBytes = n))],
  [
    'container-log-max-files',
    takes(whole, (s, n) =>
      n < 2 ? `${n} is less than two files: not taken` : void (logs(s).maxFiles = n),
    ),
  ],
  [
    'node-status-update-frequency',
    takes(someTime, (s, ms) => void (s.options.statusReportMs = Math.max(ms, 1000))),
  ],
  ['max-parallel-image-pulls', takes(count, (s, n) => void (s.options.maxParallelPulls = n))],
  [
    'serialize-image-pulls',
    takes(truth, (s, on) => {
      if (on) s.options.maxParallelPulls = 1;
    }),
  ],
  ['seccomp-default', takes(truth, (s, on) => void (s.options.seccompDefault = on))],
  ['allowed-unsafe-sysctls', takes(list, (s, names) => void (s.unsafeSysctls = names))],
  ['resolv-conf', takes(text, (s, path) => void (s.resolvConf = path))],
  ['hostname-override', takes(text, (s, name) => void (s.nodeName = name))],
  [
    'node-labels',
    takes(
      (value: string) => pairs(value).map((pair) => pair.join('=')),
      (s, labels) => void (s.nodeLabels = labels),
    ),
  ],
  [
    'cloud-provider',
    takes(text, (s, name) => {
      if (name !== 'external' && name !== '')
        return `${JSON.stringify(name)} is not external: providers are no part of the kubelet`;
      s.options.externalCloud = name === 'external';
      return undefined;
    }),
  ],
  ['provider-id', takes(text, (s, id) => void (s.options.providerId = id))],
  ['register-with-taints', takes(list, (s, taints) => void (s.nodeTaints = taints))],
  ['feature-gates', takes(pairs, () => 'feature gates are as Kubernetes 1.36 has them by default')],
  ['cluster-dns', { none: 'say --cluster-dns on the server' }],
  ['cluster-domain', { none: 'say --cluster-domain on the server' }],
  ['node-ip', { none: 'say --node-ip' }],
  ['container-runtime-endpoint', { none: 'say --container-runtime-endpoint' }],
  ['pod-infra-container-image', { none: 'say --pause-image' }],
  ['root-dir', { none: 'say --data-dir: pods are kept in agent/pods below it' }],
  [
    'pod-manifest-path',
    { none: 'static pods are read from agent/pod-manifests in the data directory' },
  ],
  ['config', { none: 'a KubeletConfiguration is not read; say its values one by one' }],
  ['config-dir', { none: 'a KubeletConfiguration is not read; say its values one by one' }],
  ['protect-kernel-defaults', { none: 'say --protect-kernel-defaults' }],
  ['pod-max-pids', { none: 'the number of processes of a pod is not limited here' }],
  ['pods-per-core', { none: 'say max-pods' }],
  ['image-maximum-gc-age', { none: 'images go when the disk is full, whatever their age' }],
  ['fail-swap-on', { none: 'a node with swap starts, and pods use none of it' }],
  ['memory-swap', { none: 'pods use no swap' }],
  ['cgroup-driver', { none: 'the agent makes its own control groups (cgroupfs)' }],
  ['shutdown-grace-period', takes(milliseconds, (s, ms) => void (shutdown(s).totalMs = ms))],
  [
    'shutdown-grace-period-critical-pods',
    takes(milliseconds, (s, ms) => void (shutdown(s).criticalMs = ms)),
  ],
  ...none<KubeletSettings>(
    noPort,
    'address port read-only-port healthz-bind-address healthz-port tls-cert-file ' +
      'tls-private-key-file tls-cipher-suites tls-min-version enable-server ' +
      'enable-debugging-handlers streaming-connection-idle-timeout enable-system-log-handler',
  ),
  ...none<KubeletSettings>(
    already,
    'anonymous-auth authentication-token-webhook authorization-mode client-ca-file ' +
      'rotate-certificates rotate-server-certificates make-iptables-util-chains register-node ' +
      'container-runtime cgroups-per-qos enforce-node-allocatable ' +
      'enable-controller-attach-detach hairpin-mode fail-cgroupv1 ' +
      'local-storage-capacity-isolation',
  ),
  ...none<KubeletSettings>(
    noTopology,
    'cpu-manager-policy cpu-manager-policy-options cpu-manager-reconcile-period ' +
      'memory-manager-policy reserved-memory reserved-cpus topology-manager-policy ' +
      'topology-manager-policy-options topology-manager-scope cpu-cfs-quota ' +
      'cpu-cfs-quota-period',
  ),
  ...none<KubeletSettings>(
    settled,
    'kubeconfig bootstrap-kubeconfig cert-dir v vmodule logging-format log-flush-frequency ' +
      'log-text-split-stream log-json-split-stream runtime-cgroups kubelet-cgroups ' +
      'system-cgroups cgroup-root kube-reserved-cgroup system-reserved-cgroup ' +
      'volume-plugin-dir network-plugin cni-conf-dir cni-bin-dir image-service-endpoint ' +
      'image-credential-provider-config image-credential-provider-bin-dir ' +
      'non-masquerade-cidr pod-cidr lock-file exit-on-lock-contention seccomp-profile-root',
  ),
  ...none<KubeletSettings>(
    otherWay,
    'registry-qps registry-burst event-qps event-burst kube-api-qps kube-api-burst ' +
      'kube-api-content-type sync-frequency file-check-frequency http-check-frequency ' +
      'manifest-url manifest-url-header runtime-request-timeout housekeeping-interval ' +
      'node-status-max-images node-lease-duration-seconds volume-stats-agg-period ' +
      'global-housekeeping-interval log-cadvisor-usage maximum-dead-containers ' +
      'maximum-dead-containers-per-container minimum-container-ttl-duration oom-score-adj ' +
      'contention-profiling profiling qos-reserved max-open-files ' +
      'topology-updates-batch-period authentication-token-webhook-cache-ttl ' +
      'authorization-webhook-cache-authorized-ttl authorization-webhook-cache-unauthorized-ttl ' +
      'cluster-dns-search experimental-allocatable-ignore-eviction experimental-mounter-path ' +
      'kernel-memcg-notification containerd containerd-namespace docker-endpoint cadvisor-port ' +
      'allow-privileged',
  ),
]);
