import type { ObjectMeta } from '../../api/generated/types/meta-v1.ts';
import type { ResourceRef } from '../../api/object.ts';

const helm = (resource: string, kind: string): ResourceRef => ({
  group: 'helm.cattle.io',
  version: 'v1',
  resource,
  kind,
  namespaced: true,
});

export const charts = helm('helmcharts', 'HelmChart');
export const chartConfigs = helm('helmchartconfigs', 'HelmChartConfig');
/** The finalizer of k3s' controller: charts that came from there are uninstalled, too. */
export const finalizer = 'wrangler.cattle.io/on-helm-chart-remove';
/** k3s' annotation: a chart with this is not looked at. */
export const unmanaged = 'helmcharts.helm.cattle.io/unmanaged';

export interface HelmChart {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  spec?: HelmChartSpec;
  status?: HelmChartStatus;
}

/** What a user wrote: the definition holds the types, nothing else. */
export interface HelmChartSpec {
  chart?: string;
  /** A packaged chart, in base64. */
  chartContent?: string;
  targetNamespace?: string;
  createNamespace?: boolean;
  version?: string;
  repo?: string;
  /** A certificate authority as PEM. */
  repoCA?: string;
  repoCAConfigMap?: { name?: string };
  plainHTTP?: boolean;
  insecureSkipTLSVerify?: boolean;
  authSecret?: { name?: string };
  authPassCredentials?: boolean;
  dockerRegistrySecret?: { name?: string };
  set?: Record<string, string | number>;
  valuesContent?: string;
  valuesSecrets?: ValuesSecret[];
  timeout?: string;
  failurePolicy?: string;
  backOffLimit?: number;
  takeOwnership?: boolean;
  forceConflicts?: boolean;
  serverSide?: string | boolean;
}

export interface ValuesSecret {
  name?: string;
  keys?: string[];
  /** A change of the Secret alone is no reason for an upgrade. */
  ignoreUpdates?: boolean;
}

export interface HelmChartConfig {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  spec?: Pick<HelmChartSpec, 'valuesContent' | 'valuesSecrets' | 'failurePolicy'>;
}

export interface HelmChartStatus {
  conditions?: Condition[];
  /** What was tried last, and how often it failed. */
  wanted?: string;
  failures?: number;
  /** The release as Helm has it. */
  revision?: number;
}

export interface Condition {
  type: string;
  status: 'True' | 'False';
  reason?: string;
  message?: string;
  lastTransitionTime?: string;
}
