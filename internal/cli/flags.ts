/**
 * Every flag of `server` and `agent`, under k3s' names. `state` says what it does here: `works`; `harmless` (what it asks
 * for is already so, or the thing it tunes does not exist and is not missed); anything else is refused with that text,
 * because a flag that is silently ignored is worse than none.
 */
export interface Flag {
  name: string;
  short?: string;
  kind: 'text' | 'bool' | 'int' | 'list';
  help: string;
  for: 'server' | 'agent' | 'both';
  default?: string;
  /** More names of environment variables, besides SKIFF_<NAME>. */
  env?: string[];
  state: 'works' | 'harmless' | { refused: string };
}

const works = (name: string, kind: Flag['kind'], help: string, more: Partial<Flag> = {}): Flag => ({ name, kind, help, for: 'both', state: 'works', ...more });
const server = (name: string, kind: Flag['kind'], help: string, more: Partial<Flag> = {}): Flag => works(name, kind, help, { for: 'server', ...more });
const harmless = (names: string[], kind: Flag['kind'], help: string, onlyFor: Flag['for'] = 'server'): Flag[] =>
  names.map((name) => ({ name, kind, help, for: onlyFor, state: 'harmless' }));
const refused = (names: string[], kind: Flag['kind'], reason: string, onlyFor: Flag['for'] = 'server'): Flag[] =>
  names.map((name) => ({ name, kind, help: `(not supported: ${reason})`, for: onlyFor, state: { refused: reason } }));

export const flags: Flag[] = [
  works('config', 'text', 'Configuration file', { short: 'c', default: '/etc/skiff/config.yaml', env: ['SKIFF_CONFIG_FILE'] }),
  works('debug', 'bool', 'Log more'),
  works('v', 'int', 'Log level of k3s; 1 and more log as --debug does', { short: 'v' }),
  works('data-dir', 'text', 'Folder that holds state', { short: 'd', default: '/var/lib/skiff' }),
  works('run-dir', 'text', 'Folder for sockets and other things that end with the machine', { default: '/run/skiff' }),
  works('token', 'text', 'Shared secret for joining', { short: 't' }),
  works('token-file', 'text', 'File that holds the token'),
  server('bind-address', 'text', 'Address to listen on', { default: '0.0.0.0' }),
  server('https-listen-port', 'int', 'Port to listen on', { default: '6443' }),
  server('advertise-address', 'text', 'Address that clients and nodes are told (default: node-external-ip or node-ip)'),
  server('advertise-port', 'int', 'Port that clients and nodes are told (default: the listening port)'),
  server('tls-san', 'list', 'More names and addresses for the serving certificate'),
  server('cluster-cidr', 'text', 'Addresses of pods', { default: '10.42.0.0/16' }),
  server('service-cidr', 'text', 'Addresses of services', { default: '10.43.0.0/16' }),
  server('service-node-port-range', 'text', 'Ports for NodePort services', { default: '30000-32767' }),
  server('cluster-dns', 'text', 'Address of the cluster DNS (default: the tenth of service-cidr)'),
  server('cluster-domain', 'text', 'Domain of the cluster', { default: 'cluster.local' }),
  server('write-kubeconfig', 'text', "Where the administrator's kubeconfig is written", { short: 'o', default: '/etc/skiff/skiff.yaml', env: ['SKIFF_KUBECONFIG_OUTPUT'] }),
  server('write-kubeconfig-mode', 'text', 'Its mode', { default: '0600', env: ['SKIFF_KUBECONFIG_MODE'] }),
  server('write-kubeconfig-group', 'text', 'Its group', { env: ['SKIFF_KUBECONFIG_GROUP'] }),
  server('disable', 'list', 'Packaged components not to run: coredns, servicelb, traefik, local-storage, metrics-server, runtimes'),
  server('disable-agent', 'bool', 'Run no node beside the server'),
  server('disable-scheduler', 'bool', 'Run no scheduler'),
  server('disable-controller-manager', 'bool', 'Run no controllers'),
  server('disable-kube-proxy', 'bool', 'Carry out no services (host ports stay)'),
  server('flannel-backend', 'text', 'Pod network between nodes: vxlan, host-gw (all nodes on one network) or none (bring your own CNI)', { default: 'vxlan' }),
  works('flannel-iface', 'text', "Interface that gives the node's address and carries the pod network"),
  works('node-name', 'text', 'Name of the node (default: the host name)'),
  works('with-node-id', 'bool', 'Append a fixed id to the node name'),
  works('node-label', 'list', 'Labels given to the node at its registration'),
  works('node-taint', 'list', 'Taints given to the node at its registration'),
  works('node-ip', 'list', 'Addresses of the node', { short: 'i' }),
  works('node-external-ip', 'list', 'External addresses of the node'),
  works('resolv-conf', 'text', 'resolv.conf that pods and the cluster DNS go by'),
  works('container-runtime-endpoint', 'text', 'Socket of a CRI runtime to use instead of an own containerd'),
  works('snapshotter', 'text', 'containerd snapshotter: overlayfs or native', { default: 'overlayfs' }),
  works('private-registry', 'text', 'Registry configuration', { default: '/etc/skiff/registries.yaml' }),
  works('pause-image', 'text', 'Image of the pod sandbox', { default: 'registry.k8s.io/pause:3.10.2' }),
  works('server', 'text', 'URL of the server to join', { for: 'agent', short: 's', env: ['SKIFF_URL'] }),
  server('server', 'text', 'URL of a server of the cluster to join as one more server', { short: 's', env: ['SKIFF_URL'] }),
  server('cluster-init', 'bool', 'Keep state in an etcd that is run beside the server (needs the package etcd-server)'),
  server('cluster-reset', 'bool', 'Make that etcd forget all members but this one, and end; start again without the flag'),
  server('cluster-reset-restore-path', 'text', 'With --cluster-reset: snapshot to put in the place of what this server holds'),
  ...refused(['agent-token'], 'text', 'agents cannot join yet'),
  server('datastore-endpoint', 'text', 'Where to keep state: endpoints of an etcd cluster, separated by commas, or postgres://user:password@host:port/database (default: the store in data-dir)'),
  server('datastore-cafile', 'text', "Certificate authority of the datastore's servers"),
  server('datastore-certfile', 'text', 'Certificate that the datastore is shown'),
  server('datastore-keyfile', 'text', 'Its key'),
  server('secrets-encryption', 'bool', 'Encrypt Secrets in the datastore; see "skiff secrets-encrypt"'),
  server('etcd-disable-snapshots', 'bool', 'Take no snapshots by schedule'),
  server('etcd-snapshot-schedule-cron', 'text', 'When snapshots of the datastore are taken, in cron\'s five fields; "" = never', { default: '0 */12 * * *' }),
  server('etcd-snapshot-retention', 'int', 'How many of them are kept; 0 = all', { default: '5' }),
  server('etcd-snapshot-name', 'text', 'What their names begin with', { default: 'etcd-snapshot' }),
  server('etcd-snapshot-dir', 'text', 'Where they are kept (default: server/db/snapshots in data-dir)'),
  server('etcd-snapshot-compress', 'bool', 'Pack them as ZIP archives'),
  ...refused(['etcd-s3', 'etcd-s3-insecure', 'etcd-s3-skip-ssl-verify'], 'bool', 'snapshots are kept in a folder; copy them from there'),
  ...refused(['etcd-s3-endpoint', 'etcd-s3-endpoint-ca', 'etcd-s3-access-key', 'etcd-s3-secret-key', 'etcd-s3-session-token', 'etcd-s3-bucket', 'etcd-s3-region', 'etcd-s3-folder', 'etcd-s3-proxy', 'etcd-s3-config-secret', 'etcd-s3-timeout', 'etcd-s3-retention'], 'text', 'snapshots are kept in a folder; copy them from there'),
  ...refused(['etcd-expose-metrics'], 'bool', 'the metrics of the etcd beside the server are not served elsewhere'),
  ...refused(['secrets-encryption-provider'], 'text', 'secrets are encrypted with AES-GCM'),
  ...refused(['embedded-registry'], 'bool', 'images are not shared between nodes yet'),
  ...refused(['supervisor-metrics'], 'bool', 'metrics are served on /metrics already, behind RBAC'),
  ...refused(['flannel-ipv6-masq', 'flannel-external-ip'], 'bool', 'the pod network is IPv4 within one network'),
  ...refused(['servicelb-namespace', 'helm-job-image', 'default-local-storage-path'], 'text', 'the component it configures is not there yet'),
  ...refused(['kube-apiserver-arg', 'kube-controller-manager-arg', 'kube-scheduler-arg', 'kube-cloud-controller-manager-arg', 'etcd-arg', 'helm-controller-arg'], 'list', 'skiff has no such program inside; use its own flags'),
  ...refused(['kubelet-arg', 'kube-proxy-arg'], 'list', 'skiff has no such program inside; use its own flags', 'both'),
  ...refused(['docker', 'rootless', 'selinux', 'protect-kernel-defaults', 'enable-pprof'], 'bool', 'it is not there yet', 'both'),
  ...refused(['vpn-auth', 'vpn-auth-file', 'flannel-conf', 'flannel-cni-conf', 'image-service-endpoint', 'default-runtime', 'system-default-registry', 'airgap-extra-registry'], 'text', 'it is not there yet', 'both'),
  ...refused(['image-credential-provider-bin-dir', 'image-credential-provider-config', 'vmodule', 'log', 'l'], 'text', 'it is not there yet', 'both'),
  ...refused(['node-internal-dns', 'node-external-dns'], 'list', 'it is not there yet', 'both'),
  ...refused(['nonroot-devices', 'disable-default-registry-endpoint'], 'bool', 'it is not there yet', 'both'),
  ...harmless(['tls-san-security', 'disable-cloud-controller', 'disable-helm-controller'], 'bool', '(accepted: already so)'),
  ...harmless(['disable-network-policy'], 'bool', '(accepted: network policies are stored and not enforced, with or without it)'),
  ...harmless(['disable-apiserver-lb', 'alsologtostderr', 'prefer-bundled-bin'], 'bool', '(accepted: already so)', 'both'),
  ...harmless(['lb-server-port'], 'int', '(accepted: there is no local load balancer to move)', 'both'),
  ...harmless(['egress-selector-mode'], 'text', '(accepted: calls to nodes always take the way that works)'),
];

/** The flags of one command; a name that is defined twice means the one for that command. */
export function flagsOf(command: 'server' | 'agent'): Flag[] {
  return flags.filter((flag) => flag.for === command || flag.for === 'both');
}

/** The environment variables that set a flag, in order of precedence. */
export function environmentOf(flag: Flag): string[] {
  return [...(flag.env ?? []), `SKIFF_${flag.name.toUpperCase().replaceAll('-', '_')}`];
}
