import type { Condition, LabelSelector, ObjectMeta } from '../../api/generated/types/meta-v1.ts';
import type { ResourceRef } from '../../api/object.ts';

/** system-upgrade-controller's Plan, as far as it means something without containers. */
export interface UpgradePlan {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  spec?: PlanSpec;
  status?: PlanStatus;
}

export interface ContainerSpec {
  image?: string;
  command?: string[];
  args?: string[];
  envs?: unknown[];
  envFrom?: unknown[];
  volumes?: unknown[];
  securityContext?: unknown;
}

export interface DrainSpec {
  /** A text such as `5m`, or a number of nanoseconds. */
  timeout?: number | string;
  gracePeriod?: number;
  deleteLocalData?: boolean;
  deleteEmptydirData?: boolean;
  ignoreDaemonSets?: boolean;
  force?: boolean;
  disableEviction?: boolean;
  /** Seconds. */
  skipWaitForDeleteTimeout?: number;
  podSelector?: LabelSelector;
}

export interface WindowSpec {
  days?: string[];
  startTime?: string;
  endTime?: string;
  timeZone?: string;
}

export interface PlanSpec {
  concurrency?: number;
  jobActiveDeadlineSecs?: number;
  nodeSelector?: LabelSelector;
  serviceAccountName?: string;
  channel?: string;
  version?: string;
  secrets?: unknown[];
  tolerations?: unknown[];
  imagePullSecrets?: unknown[];
  exclusive?: boolean;
  window?: WindowSpec;
  prepare?: ContainerSpec;
  upgrade?: ContainerSpec;
  cordon?: boolean;
  drain?: DrainSpec;
  postCompleteDelay?: string;
  priorityClassName?: string;
  postCompleteLabels?: Record<string, string>;
}

/** As upstream's generic conditions: with the time of the last word, too. */
export type PlanCondition = Pick<Condition, 'type' | 'status'> & {
  reason?: string;
  message?: string;
  lastUpdateTime?: string;
  lastTransitionTime?: string;
};

export interface PlanStatus {
  conditions?: PlanCondition[];
  latestVersion?: string;
  latestHash?: string;
  /** Host names of the nodes that the plan is being applied to. */
  applying?: string[];
}

export const plansRef: ResourceRef = {
  group: 'upgrade.cattle.io',
  version: 'v1',
  resource: 'plans',
  kind: 'Plan',
  namespaced: true,
};

/** The only namespace whose Plans count: who may write there may upgrade every machine. */
export const planNamespace = 'system-upgrade';

/** The label of a node that has what the plan wants: the plan's hash. */
export const planLabel = (plan: string): string => `plan.upgrade.cattle.io/${plan}`;
