import type { CertificateRequest } from '../base/x509/request.ts';
import type { MetricSet } from '../base/metrics/metric-set.ts';
import type { ResourceRef } from '../api/object.ts';
import type { Client } from '../client/client.ts';
import type { Mirrors } from '../client/mirrors.ts';
import type { Clock } from '../io/clock.ts';
import type { Log } from '../io/log.ts';
import type { Random } from '../io/random.ts';

/** What controllers are started with. */
export interface ControllerContext {
  /**
   * A client that acts as `system:serviceaccount:kube-system:<name>`; `name` is such as
   * `replicaset-controller`.
   */
  clientFor(controllerName: string): Client;
  /**
   * Acts as `system:kube-controller-manager` itself, for what no controller's own account may do
   * (tokens).
   */
  managerClient: Client;
  mirrors: Mirrors;
  clock: Clock;
  log: Log;
  random: Random;
  /** Where queues count what they do. */
  metrics?: MetricSet;
  /**
   * All kinds the server serves that can be listed, watched and deleted: one version of each,
   * custom resources too.
   */
  resources(): ResourceRef[];
  /** Calls `changed` whenever `resources()` answers something new. Returns how to stop. */
  onResourcesChange(changed: () => void): () => void;
  /** The cluster's certificate authorities in PEM, published as `kube-root-ca.crt`. */
  rootCa: string;
  /** Where nodes get their pod ranges from. */
  clusterCidr: string;
  /** Ports of every node that no Service of type LoadBalancer may take. */
  clusterPorts?: readonly number[];
  nodeCidrMaskSize?: number;
  /** kube-controller-manager's --node-monitor-grace-period and --node-startup-grace-period. */
  nodeMonitorGraceMs?: number;
  nodeStartupGraceMs?: number;
  /** Its --terminated-pod-gc-threshold; 0 = none are taken away. */
  terminatedPodGcThreshold?: number;
  /** Signs client and serving certificates for approved requests; without it they stay unsigned. */
  signCertificate?: (request: SigningRequest) => string;
  /** Makes the token of a legacy service account token Secret. */
  issueServiceAccountToken?: (account: {
    namespace: string;
    name: string;
    uid: string;
    secretName: string;
    secretUid: string;
  }) => Promise<string>;
}

/**
 * Asks a node's own HTTPS port, as the API server does. Throws when the node cannot be reached;
 * whatever it answers is the caller's to judge.
 */
export type NodeCall = (
  node: string,
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
) => Promise<{ status: number; body: Buffer }>;

export interface SigningRequest {
  request: CertificateRequest;
  usages: string[];
  signerName: string;
  expirationSeconds: number | undefined;
}

/** A running controller. */
export interface Controller {
  readonly name: string;
  stop(): void;
  /** Resolves when it has nothing to do right now. */
  idle(): Promise<void>;
}
