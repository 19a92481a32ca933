import type {
  ControllerRevision,
  DaemonSet,
  Deployment,
  ReplicaSet,
  StatefulSet,
} from '../generated/types/apps-v1.ts';
import type { HorizontalPodAutoscaler } from '../generated/types/autoscaling-v2.ts';
import type { CronJob, Job } from '../generated/types/batch-v1.ts';
import type { PodTemplate, ReplicationController } from '../generated/types/core-v1.ts';
import type { PodDisruptionBudget } from '../generated/types/policy-v1.ts';
import { at, numberOf } from '../loose.ts';
import { humanDuration } from '../human-duration.ts';
import type { KubeObject } from '../object.ts';
import { age, containerCells, labelsText, nameOf, selectorText, since } from './cell.ts';
import type { Cell } from './cell.ts';
import { metricsText } from './metric-text.ts';

const as = <T>(object: KubeObject): T => object as T;

export function deployment(object: KubeObject, now: number): Cell[] {
  const { spec, status } = as<Deployment>(object);
  const selector = selectorText(spec?.selector);
  return [
    nameOf(object),
    `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`,
    status?.updatedReplicas ?? 0,
    status?.availableReplicas ?? 0,
    age(object, now),
    ...containerCells(spec?.template.spec?.containers),
    selector === '<error>' ? '<invalid>' : selector === '<none>' ? '' : selector,
  ];
}

export function replicaSet(object: KubeObject, now: number): Cell[] {
  const { spec, status } = as<ReplicaSet>(object);
  return [
    nameOf(object),
    spec?.replicas ?? 0,
    status?.replicas ?? 0,
    status?.readyReplicas ?? 0,
    age(object, now),
    ...containerCells(spec?.template?.spec?.containers),
    selectorText(spec?.selector),
  ];
}

export function replicationController(object: KubeObject, now: number): Cell[] {
  const { spec, status } = as<ReplicationController>(object);
  return [
    nameOf(object),
    spec?.replicas ?? 0,
    status?.replicas ?? 0,
    status?.readyReplicas ?? 0,
    age(object, now),
    ...containerCells(spec?.template?.spec?.containers),
    labelsText(spec?.selector),
  ];
}

export function daemonSet(object: KubeObject, now: number): Cell[] {
  const { spec, status } = as<DaemonSet>(object);
  return [
    nameOf(object),
    status?.desiredNumberScheduled ?? 0,
    status?.currentNumberScheduled ?? 0,
    status?.numberReady ?? 0,
    status?.updatedNumberScheduled ?? 0,
    status?.numberAvailable ?? 0,
    labelsText(spec?.template.spec?.nodeSelector),
    age(object, now),
    ...containerCells(spec?.template.spec?.containers),
    selectorText(spec?.selector),
  ];
}

export function statefulSet(object: KubeObject, now: number): Cell[] {
  const { spec, status } = as<StatefulSet>(object);
  return [
    nameOf(object),
    `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`,
    age(object, now),
    ...containerCells(spec?.template.spec?.containers),
  ];
}

/** Whichever of these holds first is the state of a Job. */
const jobStates = [
  ['Complete', 'Complete'],
  ['Failed', 'Failed'],
  ['', 'Terminating'],
  ['Suspended', 'Suspended'],
  ['FailureTarget', 'FailureTarget'],
  ['SuccessCriteriaMet', 'SuccessCriteriaMet'],
] as const;

export function job(object: KubeObject, now: number): Cell[] {
  const { spec, status } = as<Job>(object);
  const holds = (type: string): boolean =>
    type === ''
      ? Boolean(object.metadata.deletionTimestamp)
      : status?.conditions?.find((c) => c.type === type)?.status === 'True';
  const done = status?.succeeded ?? 0;
  const parallelism = spec?.parallelism ?? 0;
  const started = status?.startTime ? Date.parse(status.startTime) : undefined;
  const ended = status?.completionTime ? Date.parse(status.completionTime) : now;
  return [
    nameOf(object),
    jobStates.find(([type]) => holds(type))?.[1] ?? 'Running',
    spec?.completions !== undefined
      ? `${done}/${spec.completions}`
      : parallelism > 1
        ? `${done}/1 of ${parallelism}`
        : `${done}/1`,
    started === undefined ? '' : humanDuration(ended - started),
    age(object, now),
    ...containerCells(spec?.template.spec?.containers),
    selectorText(spec?.selector),
  ];
}

export function cronJob(object: KubeObject, now: number): Cell[] {
  const { spec, status } = as<CronJob>(object);
  return [
    nameOf(object),
    spec?.schedule ?? '',
    spec?.timeZone ?? '<none>',
    spec?.suspend === undefined ? '<unset>' : spec.suspend ? 'True' : 'False',
    status?.active?.length ?? 0,
    status?.lastScheduleTime ? since(status.lastScheduleTime, now) : '<none>',
    age(object, now),
    ...containerCells(spec?.jobTemplate.spec?.template.spec?.containers),
    spec?.jobTemplate.spec?.selector ? selectorText(spec.jobTemplate.spec.selector) : '<none>',
  ];
}

export function podTemplate(object: KubeObject): Cell[] {
  const { template } = as<PodTemplate>(object);
  return [
    nameOf(object),
    ...containerCells(template?.spec?.containers),
    labelsText(template?.metadata?.labels),
  ];
}

export function disruptionBudget(object: KubeObject, now: number): Cell[] {
  const { spec, status } = as<PodDisruptionBudget>(object);
  const shown = (value: unknown): string =>
    value === undefined || value === null ? 'N/A' : String(value);
  return [
    nameOf(object),
    shown(spec?.minAvailable),
    shown(spec?.maxUnavailable),
    status?.disruptionsAllowed ?? 0,
    age(object, now),
  ];
}

export function autoscaler(object: KubeObject, now: number): Cell[] {
  const { spec, status } = as<HorizontalPodAutoscaler>(object);
  const { kind = '', name = '' } = spec?.scaleTargetRef ?? {};
  return [
    nameOf(object),
    `${kind}/${name}`,
    metricsText(object),
    spec?.minReplicas === undefined ? '<unset>' : String(spec.minReplicas),
    // The column is text in the table of columns and a number on the wire.
    spec?.maxReplicas ?? 0,
    status?.currentReplicas ?? 0,
    age(object, now),
  ];
}

export function controllerRevision(object: KubeObject, now: number): Cell[] {
  const owner = object.metadata.ownerReferences?.find((o) => o.controller);
  const group = owner?.apiVersion.includes('/')
    ? `.${owner.apiVersion.slice(0, owner.apiVersion.indexOf('/'))}`
    : '';
  const controller = owner ? `${`${owner.kind}${group}`.toLowerCase()}/${owner.name}` : '<none>';
  return [
    nameOf(object),
    controller,
    as<ControllerRevision>(object).revision ?? 0,
    age(object, now),
  ];
}

export function scale(object: KubeObject, now: number): Cell[] {
  return [
    nameOf(object),
    numberOf(at(object, 'spec.replicas')),
    numberOf(at(object, 'status.replicas')),
    age(object, now),
  ];
}
