/**
 * Every flag of `server` and `agent`, under k3s' names. `state` says what it does here: `works`;
 * `none` (the start goes on, and one line says why the flag has no effect); `refused`, where going
 * on without it would be unsafe. None is ignored without a word.
 */
export interface Flag {
  name: string;
  short?: string;
  /** `list` is split at commas, `args` is not: each item is an argument for another program. */
  kind: 'text' | 'bool' | 'int' | 'list' | 'args';
  help: string;
  for: 'server' | 'agent' | 'both';
  default?: string;
  /** All that it takes. */
  values?: string[];
  /** More names of environment variables, besides SKIFF_<NAME>. */
  env?: string[];
  state: 'works' | { none: string } | { refused: string };
}

const works = (name: string, kind: Flag['kind'], help: string, more: Partial<Flag> = {}): Flag => ({
  name,
  kind,
  help,
  for: 'both',
  state: 'works',
  ...more,
});
const server = (name: string, kind: Flag['kind'], help: string, more: Partial<Flag> = {}): Flag =>
  works(name, kind, help, { for: 'server', ...more });
const agent = (name: string, kind: Flag['kind'], help: string, more: Partial<Flag> = {}): Flag =>
  works(name, kind, help, { for: 'agent', ...more });
const none = (
  names: string[],
  kind: Flag['kind'],
  reason: string,
  onlyFor: Flag['for'] = 'server',
): Flag[] =>
  names.map((name) => ({
    name,
    kind,
    help: `(no effect: ${reason})`,
    for: onlyFor,
    state: { none: reason },
  }));
const refused = (
  names: string[],
  kind: Flag['kind'],
  reason: string,
  onlyFor: Flag['for'] = 'server',
): Flag[] =>
  names.map((name) => ({
    name,
    kind,
    help: `(not supported: ${reason})`,
    for: onlyFor,
    state: { refused: reason },
  }));

export const flags: Flag[] = [
  works('config', 'text', 'Configuration file', {
    short: 'c',
    default: '/etc/skiff/config.yaml',
    env: ['SKIFF_CONFIG_FILE'],
  }),
  works('debug', 'bool', 'Log every request, reconciliation and call to the container runtime'),
  works('v', 'int', 'Log level of k3s; 1 and more log as --debug does', { short: 'v' }),
  works('data-dir', 'text', 'Folder that holds state', { short: 'd', default: '/var/lib/skiff' }),
  works('run-dir', 'text', 'Folder for sockets and other things that end with the machine', {
    default: '/run/skiff',
  }),
  works('token', 'text', 'Shared secret for joining', { short: 't' }),
  works('token-file', 'text', 'File that holds the token'),
  server('bind-address', 'text', 'Address to listen on', { default: '0.0.0.0' }),
  server('https-listen-port', 'int', 'Port to listen on', { default: '6443' }),
  server(
    'advertise-address',
    'text',
    'Address that clients and nodes are told (default: node-external-ip or node-ip)',
  ),
  server(
    'advertise-port',
    'int',
    'Port that clients and nodes are told (default: the listening port)',
  ),
  server('tls-san', 'list', 'More names and addresses for the serving certificate'),
  server('cluster-cidr', 'text', 'Addresses of pods', { default: '10.42.0.0/16' }),
  server('service-cidr', 'text', 'Addresses of services', { default: '10.43.0.0/16' }),
  server('service-node-port-range', 'text', 'Ports for NodePort services', {
    default: '30000-32767',
  }),
  server('cluster-dns', 'text', 'Address of the cluster DNS (default: the tenth of service-cidr)'),
  server('cluster-domain', 'text', 'Domain of the cluster', { default: 'cluster.local' }),
  server('write-kubeconfig', 'text', "Where the administrator's kubeconfig is written", {
    short: 'o',
    default: '/etc/skiff/skiff.yaml',
    env: ['SKIFF_KUBECONFIG_OUTPUT'],
  }),
  server('write-kubeconfig-mode', 'text', 'Its mode', {
    default: '0600',
    env: ['SKIFF_KUBECONFIG_MODE'],
  }),
  server('write-kubeconfig-group', 'text', 'Its group', { env: ['SKIFF_KUBECONFIG_GROUP'] }),
  server(
    'disable',
    'list',
    'Packaged components not to run: coredns, servicelb, traefik (or ingress), local-storage, ' +
      'metrics-server, dashboard, system-upgrade, runtimes; or a file below server/manifests',
  ),
  server('disable-agent', 'bool', 'Run no node beside the server'),
  server('disable-scheduler', 'bool', 'Run no scheduler'),
  server('disable-controller-manager', 'bool', 'Run no controllers'),
  server('disable-kube-proxy', 'bool', 'Carry out no services (host ports stay)'),
  server('disable-network-policy', 'bool', 'Enforce no network policies'),
  server(
    'disable-cloud-controller',
    'bool',
    "Leave nodes that wait for a cloud to another's cloud controller manager",
  ),
  server(
    'flannel-backend',
    'text',
    'Pod network between nodes: vxlan, host-gw (all nodes on one network), wireguard-native ' +
      '(encrypted, over the internet) or none (bring your own CNI)',
    { default: 'vxlan', values: ['vxlan', 'host-gw', 'wireguard-native', 'none'] },
  ),
  server(
    'flannel-ipv6-masq',
    'bool',
    "Packets of pods to the world of IPv6 get the node's address",
  ),
  server(
    'flannel-external-ip',
    'bool',
    'Pod traffic between nodes goes to their external addresses, those that have one',
  ),
  works(
    'flannel-iface',
    'text',
    "Interface that gives the node's address and carries the pod network",
  ),
  works('node-name', 'text', 'Name of the node (default: the host name)'),
  works('with-node-id', 'bool', 'Append a fixed id to the node name'),
  works('node-label', 'list', 'Labels given to the node at its registration'),
  works('node-taint', 'list', 'Taints given to the node at its registration'),
  works('node-ip', 'list', 'Addresses of the node', { short: 'i' }),
  works('node-external-ip', 'list', 'External addresses of the node'),
  works('resolv-conf', 'text', 'resolv.conf that pods and the cluster DNS go by'),
  works(
    'container-runtime-endpoint',
    'text',
    'Socket of a CRI runtime to use instead of an own containerd',
  ),
  works('snapshotter', 'text', 'containerd snapshotter: overlayfs or native', {
    default: 'overlayfs',
    values: ['overlayfs', 'native'],
  }),
  works('private-registry', 'text', 'Registry configuration', {
    default: '/etc/skiff/registries.yaml',
  }),
  works('pause-image', 'text', 'Image of the pod sandbox', {
    default: 'registry.k8s.io/pause:3.10.2',
  }),
  works('server', 'text', 'URL of the server to join', {
    for: 'agent',
    short: 's',
    env: ['SKIFF_URL'],
  }),
  agent(
    'kubeconfig',
    'text',
    'In the place of --server and --token: a kubeconfig of a plain API server (a kube-apiserver) ' +
      'whose cluster to join',
  ),
  agent('cluster-dns', 'text', 'With a plain API server: address of the cluster DNS'),
  agent('cluster-domain', 'text', 'With a plain API server: domain of the cluster'),
  agent('cluster-cidr', 'text', 'With a plain API server: addresses of pods'),
  agent('service-cidr', 'text', 'With a plain API server: addresses of services'),
  agent(
    'flannel-backend',
    'text',
    'With a plain API server: vxlan or host-gw = make the pod network as Flannel does and carry ' +
      'out Services and policies; none = leave that to the DaemonSets of the cluster ' +
      '(default none)',
    { values: ['vxlan', 'host-gw', 'none'] },
  ),
  server('server', 'text', 'URL of a server of the cluster to join as one more server', {
    short: 's',
    env: ['SKIFF_URL'],
  }),
  server(
    'cluster-init',
    'bool',
    'Keep state in an etcd that is run beside the server (needs the package etcd-server)',
  ),
  server(
    'cluster-reset',
    'bool',
    'Make that etcd forget all members but this one, and end; start again without the flag',
  ),
  server(
    'cluster-reset-restore-path',
    'text',
    'With --cluster-reset: snapshot to put in the place of what this server holds',
  ),
  server('agent-token', 'text', 'What agents join with (default: the token)'),
  server('agent-token-file', 'text', 'File that holds it'),
  server(
    'datastore-endpoint',
    'text',
    'Where to keep state: endpoints of an etcd cluster, separated by commas, or ' +
      'postgres://user:password@host:port/database (default: the store in data-dir)',
  ),
  server('datastore-cafile', 'text', "Certificate authority of the datastore's servers"),
  server('datastore-certfile', 'text', 'Certificate that the datastore is shown'),
  server('datastore-keyfile', 'text', 'Its key'),
  server(
    'secrets-encryption',
    'bool',
    'Encrypt Secrets in the datastore; see "skiff secrets-encrypt"',
  ),
  server('etcd-disable-snapshots', 'bool', 'Take no snapshots by schedule'),
  server(
    'etcd-snapshot-schedule-cron',
    'text',
    'When snapshots of the datastore are taken, in cron\'s five fields; "" = never',
    { default: '0 */12 * * *' },
  ),
  server('etcd-snapshot-retention', 'int', 'How many of them are kept; 0 = all', { default: '5' }),
  server('etcd-snapshot-name', 'text', 'What their names begin with', { default: 'etcd-snapshot' }),
  server(
    'etcd-snapshot-dir',
    'text',
    'Where they are kept (default: server/db/snapshots in data-dir)',
  ),
  server('etcd-snapshot-compress', 'bool', 'Pack them as ZIP archives'),
  server(
    'etcd-expose-metrics',
    'bool',
    'Serve the metrics of the etcd beside the server on port 2381 of all addresses, unencrypted',
  ),
  ...refused(['etcd-s3'], 'bool', 'snapshots are kept in a folder; copy them from there'),
  ...none(
    ['etcd-s3-insecure', 'etcd-s3-skip-ssl-verify'],
    'bool',
    'snapshots are kept in a folder',
  ),
  ...none(
    [
      'etcd-s3-endpoint',
      'etcd-s3-endpoint-ca',
      'etcd-s3-access-key',
      'etcd-s3-secret-key',
      'etcd-s3-session-token',
      'etcd-s3-bucket',
      'etcd-s3-bucket-lookup-type',
      'etcd-s3-region',
      'etcd-s3-folder',
      'etcd-s3-proxy',
      'etcd-s3-config-secret',
      'etcd-s3-timeout',
      'etcd-s3-retention',
    ],
    'text',
    'snapshots are kept in a folder',
  ),
  ...none(['secrets-encryption-provider'], 'text', 'Secrets are encrypted with AES-GCM').map(
    (flag) => ({ ...flag, values: ['aescbc', 'secretbox', 'aesgcm'] }),
  ),
  ...none(['embedded-registry'], 'bool', 'images are not shared between nodes yet'),
  ...none(['supervisor-metrics'], 'bool', 'metrics are served on /metrics already, behind RBAC'),
  ...none(['servicelb-namespace'], 'text', 'no pods run for a service load balancer'),
  ...none(['helm-job-image'], 'text', 'Helm is a program of the server: no Job runs for it'),
  server(
    'default-local-storage-path',
    'text',
    'Where volumes of the class local-path lie on every node (default: storage in data-dir)',
  ),
  server(
    'kube-apiserver-arg',
    'args',
    'name=value for kube-apiserver, carried out by what is in its place',
  ),
  server('kube-controller-manager-arg', 'args', 'name=value for kube-controller-manager'),
  server('kube-scheduler-arg', 'args', 'name=value for kube-scheduler'),
  server(
    'kube-cloud-controller-manager-arg',
    'args',
    'name=value for the cloud controller manager',
  ),
  server('etcd-arg', 'args', 'name=value for the etcd beside the server'),
  server('helm-controller-arg', 'args', 'name=value for the Helm controller'),
  works('kubelet-arg', 'args', 'name=value for the kubelet, carried out by what is in its place'),
  works('kube-proxy-arg', 'args', 'name=value for kube-proxy'),
  works(
    'protect-kernel-defaults',
    'bool',
    'Do not start when settings of the kernel differ from those the kubelet wants',
  ),
  works('node-internal-dns', 'list', 'Names of the node inside its network'),
  works('node-external-dns', 'list', 'Names of the node outside'),
  ...refused(['rootless'], 'bool', 'everything would run as root all the same', 'both'),
  ...refused(['selinux'], 'bool', 'containers would run without SELinux labels', 'both'),
  ...refused(
    ['vpn-auth', 'vpn-auth-file'],
    'text',
    'pod traffic would go its way without the VPN',
    'both',
  ),
  ...none(['disable-selinux'], 'bool', 'containers run without SELinux labels', 'both'),
  ...none(
    ['docker'],
    'bool',
    "containers are run by containerd; Docker's images are not seen",
    'both',
  ),
  ...none(['enable-pprof'], 'bool', 'there is no Go in this process to profile', 'both'),
  ...none(
    ['flannel-conf', 'flannel-cni-conf'],
    'text',
    'the pod network is configured by --flannel-backend and --flannel-iface',
    'both',
  ),
  ...none(['image-service-endpoint'], 'text', 'images are kept by the container runtime', 'both'),
  ...none(['default-runtime'], 'text', 'pods name another runtime by their RuntimeClass', 'both'),
  ...none(
    ['system-default-registry', 'airgap-extra-registry'],
    'text',
    'no component needs an image: the only one, pause, is inside; see --pause-image',
    'both',
  ),
  ...none(
    ['image-credential-provider-bin-dir', 'image-credential-provider-config'],
    'text',
    'credentials come from registries.yaml and imagePullSecrets',
    'both',
  ),
  ...none(['vmodule'], 'text', '-v and --debug count for all parts', 'both'),
  ...none(
    ['log'],
    'text',
    'the log goes to standard error, and with it to the journal',
    'both',
  ).map((flag) => ({ ...flag, short: 'l' })),
  ...none(['alsologtostderr'], 'bool', 'the log goes to standard error already', 'both'),
  ...none(['nonroot-devices'], 'bool', 'devices belong to root in containers', 'both'),
  ...none(
    ['disable-default-registry-endpoint'],
    'bool',
    'after its mirrors an image is asked for at its own registry',
    'both',
  ),
  ...none(
    ['tls-san-security'],
    'bool',
    'the serving certificate holds only what --tls-san and the nodes say',
  ),
  works(
    'disable-shell',
    'bool',
    'No "skiff shell" and no "skiff cp": on a server to any node through it, on an agent to it',
  ),
  server('disable-helm-controller', 'bool', 'HelmCharts are stored, and not installed'),
  ...none(['disable-apiserver'], 'bool', 'every server serves the API'),
  ...none(['disable-etcd'], 'bool', 'every server that joins keeps a member of the etcd'),
  ...none(
    ['disable-apiserver-lb'],
    'bool',
    'the load balancer is how an agent finds another server',
    'agent',
  ),
  ...none(['disable-apiserver-lb'], 'bool', 'a server needs no load balancer'),
  works('lb-server-port', 'int', 'Port of 127.0.0.1 that leads to the servers of the cluster', {
    for: 'agent',
    default: '6444',
  }),
  ...none(['lb-server-port'], 'int', 'a server needs no load balancer'),
  ...none(
    ['prefer-bundled-bin'],
    'bool',
    'nothing is bundled that the machine could have too',
    'both',
  ),
  server(
    'egress-selector-mode',
    'text',
    'What goes through the tunnels of agents: disabled = nothing, agent = calls to kubelets, ' +
      'pod = and to pods, by the ranges of nodes, cluster = and to pods, by where they run ' +
      '(default agent; cluster with --disable-agent)',
    { values: ['disabled', 'agent', 'pod', 'cluster'] },
  ),
  server('kube-controller-arg', 'args', 'Old name of --kube-controller-manager-arg'),
  server('kube-cloud-controller-arg', 'args', 'Old name of --kube-cloud-controller-manager-arg'),
  ...none(['kine-tls'], 'bool', 'there is no kine between server and datastore'),
  works('no-flannel', 'bool', 'Old name of --flannel-backend=none'),
  server('no-deploy', 'list', 'Old name of --disable'),
  works('cluster-secret', 'text', 'Old name of --token'),
];

/** The flags of one command; a name that is defined twice means the one for that command. */
export function flagsOf(command: 'server' | 'agent'): Flag[] {
  return flags.filter((flag) => flag.for === command || flag.for === 'both');
}

/** The environment variables that set a flag, in order of precedence. */
export function environmentOf(flag: Flag): string[] {
  return [...(flag.env ?? []), `SKIFF_${flag.name.toUpperCase().replaceAll('-', '_')}`];
}
