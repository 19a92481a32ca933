import type { Duplex } from 'node:stream';
import type { MetricSet } from '../base/metrics/metric-set.ts';
import type { Clock } from '../io/clock.ts';
import type { ConfigFile } from '../io/config-file.ts';
import type { Log } from '../io/log.ts';
import type { Random } from '../io/random.ts';
import type { Dial } from '../io/dial.ts';
import type { AuditOptions } from './audit/start.ts';
import type { AuthorizationOptions } from './authz/options.ts';
import type { UserInfo } from './authn/user.ts';
import type { FlowControlOptions } from './flowcontrol/flow-control.ts';
import type { DefaultTolerations } from './admission/tolerations.ts';
import type { Store } from '../store/store.ts';
import type { OidcFlags } from './authn/jwt/oidc-flags.ts';

/** A call to one of the paths that are not the API's. */
export interface PlainRequest {
  method: string;
  path: string;
  authorization: string | undefined;
  /** One header by its name in small letters. */
  header(name: string): string | undefined;
  /** The whole body; throws an ApiError when it is too long or does not come. */
  body(): Promise<Buffer>;
  /**
   * Who asks, by certificate or bearer token; throws an ApiError when what is shown is no good.
   */
  user(): Promise<UserInfo>;
}

export interface PlainAnswer {
  status: number;
  contentType: string;
  body: string | Buffer;
  /** More headers, or others in the place of the usual ones; names in small letters. */
  headers?: Record<string, string>;
}

export interface ApiServerOptions {
  store: Store;
  /**
   * Other API servers write to the same store: nothing may rest on this process knowing of every
   * write.
   */
  sharedStore?: boolean;
  /** Answers before anybody is authenticated, on the same port; undefined = the API's own path. */
  besides?: (request: PlainRequest) => Promise<PlainAnswer> | undefined;
  clock: Clock;
  log: Log;
  random: Random;
  dial: Dial;
  /** Undefined: no port is opened, and only the parts of this process ask (`inProcess`). */
  listen?: { host: string; port: number };
  /** PEM texts; what the port shows. */
  tls?: { key: string; cert: string };
  /** Issuers of client certificates that name users. */
  clientCa: string;
  /** What pods trust: goes to kube-root-ca.crt and to clients that ask. */
  serverCa: string;
  /** Signs service-account tokens (PEM private key); more public keys may be accepted. */
  serviceAccount: {
    signingKey: string;
    publicKeys?: string[];
    issuer: string;
    audiences?: string[];
  };
  /** How the server shows itself to kubelets. */
  kubeletClient?: { cert: string; key: string; ca?: string };
  /** Front proxy for aggregated APIs. */
  requestHeader?: { ca: string; clientCert?: string; clientKey?: string; allowedNames?: string[] };
  /** The address other machines reach this server by: the endpoint of the `kubernetes` service. */
  advertiseAddress: string;
  /** The port the endpoint names, when it is not the listening one. */
  advertisePort?: number;
  serviceCidr?: string;
  nodePortRange?: { from: number; to: number };
  defaultTolerations?: DefaultTolerations;
  /** How long Events live; kube-apiserver's --event-ttl. */
  eventTtlSeconds?: number;
  /** Tokens from configuration: token -> user. */
  staticTokens?: Record<string, UserInfo>;
  anonymous?: boolean;
  /**
   * The file of --authentication-config (AuthenticationConfiguration), read again when it changes.
   * Not together with `oidc`.
   */
  authenticationConfig?: ConfigFile;
  /** The flags --oidc-*: one issuer of users' tokens. */
  oidc?: OidcFlags;
  /** The authorizers; Node and RBAC when left out. */
  authorization?: AuthorizationOptions;
  /** Priority and fairness: how much is served at once. */
  flowControl?: FlowControlOptions;
  audit?: AuditOptions;
  version?: { gitVersion: string; gitCommit?: string; buildDate?: string };
  /** Opens a connection to a port of a node through its tunnel; undefined: it has none. */
  tunnelOf?: (node: string) => ((authority: string) => Promise<Duplex>) | undefined;
  /**
   * Pods are reached through the tunnels of their nodes, too: `pod`, by the nodes' ranges of pod
   * addresses; `cluster`, by what says where a pod runs. Else at their addresses.
   */
  podTunnels?: 'pod' | 'cluster' | undefined;
  /**
   * Takes a connection that switches to another protocol, on a path that is not the API's; false =
   * not one of those.
   */
  besidesUpgrade?: (request: PlainRequest, socket: Duplex, head: Buffer) => Promise<boolean>;
  /**
   * Warn of objects that nobody carries out in this cluster, but for those that the named
   * components of others see to.
   */
  carriedOutElsewhere?: readonly string[];
  /** Answer metrics.k8s.io here, as long as no APIService gives it to another server. */
  metricsApi?: boolean;
  /** No Service gets addresses outside the cluster that it does not have already. */
  denyExternalIps?: boolean;
  /** What else this process counts, for /metrics: its controllers, its scheduler. */
  metrics?: MetricSet;
  /** Nobody gets a terminal on a node through this server. */
  disableShell?: boolean;
  /** Log every request, at level debug. */
  logRequests?: boolean;
  /** More checks of /readyz, by name: undefined when well, else what is wrong. */
  readyChecks?: Record<string, () => string | undefined>;
}
