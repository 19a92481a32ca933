import type { ApiServerSettings } from '../../supervisor/config.ts';
import { auditArgs } from './api-server-audit.ts';
import { authenticationArgs } from './api-server-authentication.ts';
import { authorizationArgs } from './api-server-authorization.ts';
import { none, refuses, takes, type Arg, type ArgTable } from './table.ts';
import { count, list, pairs, someTime, text, truth, whole, WrongValue } from './values.ts';

/** Admission plug-ins that are always on, so that naming them asks for nothing. */
const builtIn = new Set([
  'NamespaceLifecycle',
  'LimitRanger',
  'ServiceAccount',
  'NodeRestriction',
  'TaintNodesByCondition',
  'PodSecurity',
  'Priority',
  'DefaultTolerationSeconds',
  'DefaultStorageClass',
  'StorageObjectInUseProtection',
  'PersistentVolumeClaimResize',
  'RuntimeClass',
  'CertificateApproval',
  'CertificateSigning',
  'CertificateSubjectRestriction',
  'DefaultIngressClass',
  'MutatingAdmissionPolicy',
  'MutatingAdmissionWebhook',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionWebhook',
  'ResourceQuota',
]);

/** Off unless it is named. */
const denyExternalIps = 'DenyServiceExternalIPs';

/** What the listening server takes as a range of ports; also the flag of that name. */
function ports(value: string): { from: number; to: number } {
  const [, from = '0', to = '0'] = /^(\d+)-(\d+)$/.exec(value) ?? [];
  if (Number(from) < 1 || Number(to) > 65_535 || Number(from) > Number(to))
    throw new WrongValue(`"${value}" is not a range of ports such as 30000-32767`);
  return { from: Number(from), to: Number(to) };
}

const seconds = (value: string): number => Math.round(someTime(value) / 1000);

const already = 'it is so already';
const ownFlow = 'requests are bounded by other means';
const listener = 'say --bind-address, --https-listen-port, --advertise-address or --tls-san';
const tlsFixed = 'TLS 1.2 and newer with the ciphers of the built-in library are served';
const store = 'say --datastore-endpoint and its files';
const ownKeys = 'keys and certificates are kept in server/tls of the data directory';
const settled = 'it is settled by this program, not by a flag';

export type ApiServerArgs = ApiServerSettings & { nodePortRange?: { from: number; to: number } };

/** kube-apiserver's arguments. */
export const apiServerArgs: ArgTable<ApiServerArgs> = new Map<string, Arg<ApiServerArgs>>([
  [
    'anonymous-auth',
    {
      ...takes<ApiServerArgs, boolean>(truth, (s, on) => void (s.anonymousAuth = on)),
      strict: true,
    },
  ],
  ['api-audiences', takes(list, (s, names) => void (s.audiences = names))],
  ['service-account-issuer', takes(text, (s, url) => void (s.serviceAccountIssuer = url))],
  ['etcd-compaction-interval', takes(someTime, (s, ms) => void (s.historyMs = ms))],
  ['event-ttl', takes(seconds, (s, n) => void (s.eventTtlSeconds = n))],
  [
    'default-not-ready-toleration-seconds',
    takes(whole, (s, n) => void (s.notReadyTolerationSeconds = n)),
  ],
  [
    'default-unreachable-toleration-seconds',
    takes(whole, (s, n) => void (s.unreachableTolerationSeconds = n)),
  ],
  ['service-node-port-range', takes(ports, (s, range) => void (s.nodePortRange = range))],
  ['feature-gates', takes(pairs, () => 'feature gates are as Kubernetes 1.36 has them by default')],
  [
    'enable-admission-plugins',
    takes(list, (s, names) => {
      if (names.includes(denyExternalIps)) s.denyExternalIps = true;
      return missingPlugins(names.filter((name) => name !== denyExternalIps));
    }),
  ],
  [
    'disable-admission-plugins',
    takes(
      list,
      (_s, names) =>
        `${names.join(', ')}: plug-ins cannot be taken away; the built-in ones stay on`,
    ),
  ],
  [
    'encryption-provider-config',
    refuses(
      'Secrets would be stored unencrypted, or not be readable',
      'say --secrets-encryption, and see "skiff secrets-encrypt"',
    ),
  ],
  [
    'encryption-provider-config-automatic-reload',
    { none: 'see "skiff secrets-encrypt rotate-keys"' },
  ],
  [
    'token-auth-file',
    refuses('a file of fixed tokens is not read', 'use service accounts or client certificates'),
  ],
  [
    'basic-auth-file',
    refuses(
      'Kubernetes has no basic authentication any more',
      'use service accounts or client certificates',
    ),
  ],
  [
    'admission-control-config-file',
    { none: 'plug-ins have no configuration file; label namespaces for Pod Security' },
  ],
  ['runtime-config', { none: 'the APIs of Kubernetes 1.36 are served as they are by default' }],
  ['service-account-key-file', { none: ownKeys }],
  ['cors-allowed-origins', { none: 'no headers for other origins are sent' }],
  ...auditArgs,
  ...authenticationArgs,
  ...authorizationArgs,
  [
    'max-requests-inflight',
    takes(count, (s, n) => void (s.flowControl = { ...s.flowControl, maxRequestsInflight: n })),
  ],
  [
    'max-mutating-requests-inflight',
    takes(
      count,
      (s, n) => void (s.flowControl = { ...s.flowControl, maxMutatingRequestsInflight: n }),
    ),
  ],
  [
    'request-timeout',
    takes(someTime, (s, ms) => void (s.flowControl = { ...s.flowControl, requestTimeoutMs: ms })),
  ],
  ...none<ApiServerArgs>(
    ownFlow,
    'enable-priority-and-fairness min-request-timeout goaway-chance ' +
      'http2-max-streams-per-connection livez-grace-period shutdown-delay-duration ' +
      'shutdown-send-retry-after shutdown-watch-termination-grace-period ' +
      'maximum-startup-sequence-duration',
  ),
  ...none<ApiServerArgs>(
    listener,
    'bind-address secure-port advertise-address external-hostname insecure-port ' +
      'insecure-bind-address permit-address-sharing permit-port-sharing apiserver-count ' +
      'endpoint-reconciler-type',
  ),
  ...none<ApiServerArgs>(
    tlsFixed,
    'tls-cipher-suites tls-min-version tls-cert-file tls-private-key-file tls-sni-cert-key ' +
      'tls-curve-preferences strict-transport-security-directives disable-http2-serving',
  ),
  ...none<ApiServerArgs>(
    store,
    'etcd-servers etcd-cafile etcd-certfile etcd-keyfile etcd-prefix etcd-servers-overrides ' +
      'etcd-count-metric-poll-period etcd-db-metric-poll-interval ' +
      'etcd-healthcheck-timeout etcd-readycheck-timeout storage-backend storage-media-type ' +
      'storage-initialization-timeout watch-cache watch-cache-sizes default-watch-cache-size ' +
      'delete-collection-workers lease-reuse-duration-seconds',
  ),
  ...none<ApiServerArgs>(
    ownKeys,
    'client-ca-file service-account-signing-key-file service-account-signing-endpoint ' +
      'cert-dir kubelet-certificate-authority kubelet-client-certificate kubelet-client-key ' +
      'proxy-client-cert-file proxy-client-key-file requestheader-client-ca-file ' +
      'requestheader-allowed-names requestheader-extra-headers-prefix ' +
      'requestheader-group-headers requestheader-username-headers requestheader-uid-headers ' +
      'peer-ca-file peer-advertise-ip peer-advertise-port',
  ),
  ...none<ApiServerArgs>(
    'say --service-cidr',
    'service-cluster-ip-range kubernetes-service-node-port',
  ),
  ...none<ApiServerArgs>(
    already,
    'allow-privileged service-account-lookup enable-bootstrap-token-auth ' +
      'enable-aggregator-routing profiling contention-profiling ' +
      'service-account-extend-token-expiration enable-garbage-collector enable-logs-handler',
  ),
  ...none<ApiServerArgs>(
    settled,
    'v vmodule logging-format log-flush-frequency kubelet-preferred-address-types ' +
      'kubelet-timeout kubelet-https kubelet-port egress-selector-config-file ' +
      'service-account-max-token-expiration service-account-jwks-uri ' +
      'max-connection-bytes-per-sec debug-socket-path tracing-config-file emulated-version ' +
      'min-compatibility-version show-hidden-metrics-for-version allow-metric-labels ' +
      'allow-metric-labels-manifest disabled-metrics target-ram-mb cloud-provider cloud-config ' +
      'coordinated-leadership-lease-duration event-qps feature-gates-version ' +
      'default-watch-cache',
  ),
]);

function missingPlugins(names: string[]): string | undefined {
  const missing = names.filter((name) => !builtIn.has(name));
  return missing.length > 0
    ? `${missing.join(', ')}: there is no such admission plug-in here`
    : undefined;
}
