import type { KubeletOptions } from '../agent/options.ts';
import type { AuditOptions } from '../apiserver/audit/start.ts';
import type { OidcFlags } from '../apiserver/authn/jwt/oidc-flags.ts';
import type { AuthorizationOptions, LegacyWebhook } from '../apiserver/authz/options.ts';
import type { FlowControlOptions } from '../apiserver/flowcontrol/flow-control.ts';
import type { EgressMode } from './handshake-paths.ts';
import type { Backend } from '../network/network.ts';

/** kube-apiserver's own arguments that have a meaning here. */
export interface ApiServerSettings {
  anonymousAuth?: boolean;
  audiences?: string[];
  serviceAccountIssuer?: string;
  eventTtlSeconds?: number;
  /** How long the datastore keeps what was (etcd-compaction-interval). */
  historyMs?: number;
  notReadyTolerationSeconds?: number;
  unreachableTolerationSeconds?: number;
  flowControl?: FlowControlOptions;
  audit?: AuditOptions;
  /** The admission plug-in DenyServiceExternalIPs. */
  denyExternalIps?: boolean;
  /** Path of an AuthenticationConfiguration. */
  authenticationConfig?: string;
  /** Path of an AuthorizationConfiguration; never together with `authorization`. */
  authorizationConfig?: string;
  /** The older way to name the service that is asked. */
  authorization?: Pick<AuthorizationOptions, 'modes'> & { webhook?: Partial<LegacyWebhook> };
  /** One issuer of users' tokens; the authority that signs for it is a path. */
  oidc?: Omit<OidcFlags, 'ca'> & { caFile?: string };
}

/** kube-controller-manager's. */
export interface ControllerSettings {
  nodeMonitorGraceMs?: number;
  nodeStartupGraceMs?: number;
  terminatedPodGcThreshold?: number;
  nodeCidrMaskSize?: number;
}

/** kube-scheduler's. */
export interface SchedulerSettings {
  /** The file with its KubeSchedulerConfiguration. */
  configFile?: string;
}

/** What a node is told, whether it runs beside a server or alone. */
export interface NodeConfig {
  dataDir: string;
  configDir: string;
  runDir: string;
  nodeName: string | undefined;
  withNodeId: boolean;
  nodeIps: string[];
  nodeExternalIps: string[];
  nodeLabels: string[];
  nodeTaints: string[];
  resolvConf: string | undefined;
  /** An existing CRI socket; without it containerd is run and supervised. */
  runtimeEndpoint: string | undefined;
  snapshotter: string;
  pauseImage: string;
  privateRegistry: string;
  flannelBackend: Backend;
  /** Nodes reach each other at their external addresses, those that have one. */
  flannelExternalIp?: boolean;
  flannelIpv6Masq?: boolean;
  flannelIface: string | undefined;
  disableKubeProxy: boolean;
  maxPods: number;
  /** Withheld from pods: kube-reserved and system-reserved. */
  reserved?: Record<string, string>[];
  kubelet?: KubeletOptions;
  unsafeSysctls?: string[];
  /** Names of the node, as NodeAddresses. */
  nodeInternalDns?: string[];
  nodeExternalDns?: string[];
  /** No terminal on this machine, and on a server, through it. */
  disableShell?: boolean;
  /** Refuse to start on a kernel whose settings are not those that the kubelet wants. */
  protectKernelDefaults?: boolean;
  debug: boolean;
}

/** Snapshots that a server takes by itself, and the defaults of those that are asked for. */
export interface SnapshotConfig {
  /** When, in cron's five fields; undefined = never. */
  schedule: string | undefined;
  /** What their names begin with. */
  prefix: string;
  /** How many are kept; 0 = all. */
  retention: number;
  /** Undefined = server/db/snapshots in the data directory. */
  dir: string | undefined;
  compress: boolean;
}

export interface ServerConfig extends NodeConfig {
  bindAddress: string;
  httpsListenPort: number;
  advertiseAddress: string | undefined;
  advertisePort: number | undefined;
  tlsSans: string[];
  token: string | undefined;
  tokenFile: string | undefined;
  /** What agents join with; by default the token. */
  agentToken?: string | undefined;
  agentTokenFile?: string | undefined;
  writeKubeconfig: string;
  writeKubeconfigMode: number;
  writeKubeconfigGroup: string | undefined;
  clusterCidr: string;
  serviceCidr: string;
  clusterDns: string;
  clusterDomain: string;
  nodePortRange: { from: number; to: number };
  /** Packaged components not to deploy, by k3s' names. */
  disable: string[];
  /** HelmCharts are stored and not installed. */
  disableHelm?: boolean;
  /** Where volumes of the class local-path lie on every node. */
  localStoragePath?: string | undefined;
  /** Network policies are stored and not enforced. */
  disableNetworkPolicy?: boolean;
  /** An external cloud controller manager initializes the nodes. */
  disableCloudController?: boolean;
  disableAgent: boolean;
  /** What is reached through the tunnels of the nodes. */
  egressMode?: EgressMode;
  disableScheduler: boolean;
  disableControllers: boolean;
  /** Another datastore than the store of our own; etcd's endpoints as k3s takes them. */
  datastore?: { endpoint: string; caFile?: string; certFile?: string; keyFile?: string };
  secretsEncryption?: boolean;
  /** Keep state in an etcd of our own running, the first member of a cluster. */
  clusterInit?: boolean;
  /** URL of a server of the cluster that this one joins. */
  server?: string;
  /** Make that etcd forget its other members. */
  clusterReset?: boolean;
  /** A snapshot to put in the place of what the server holds, with `clusterReset`. */
  clusterResetRestorePath?: string;
  snapshots: SnapshotConfig;
  apiServer?: ApiServerSettings;
  controllers?: ControllerSettings;
  scheduler?: SchedulerSettings;
  /** More flags of the etcd beside the server. */
  etcdTuning?: Record<string, string>;
}

export interface AgentConfig extends NodeConfig {
  /** URL of a server, or of what stands before all; empty with a kubeconfig. */
  server: string;
  /** How a plain API server is reached, and who asks it for a certificate. */
  kubeconfig?: string | undefined;
  /** What a plain API server may not tell of its cluster. */
  told: {
    clusterDns?: string | undefined;
    clusterDomain?: string | undefined;
    clusterCidr?: string | undefined;
    serviceCidr?: string | undefined;
    /** Without one the pod network and the Services are others' work. */
    backend?: Backend | undefined;
  };
  token: string | undefined;
  tokenFile: string | undefined;
  /** Port of 127.0.0.1 that leads to whichever server lives. */
  lbServerPort: number;
}
