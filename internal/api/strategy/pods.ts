import { own } from '../../base/own.ts';
import type {
  Container,
  Pod,
  PodAffinityTerm,
  PodSpec,
  PodStatus,
} from '../generated/types/core-v1.ts';
import type { LabelSelector } from '../generated/types/meta-v1.ts';
import { semanticEqual } from '../loose.ts';
import type { Dict } from '../loose.ts';
import { fieldsOf, type KubeObject } from '../object.ts';
import { keepMetadata, keepSpec, keepStatus } from './keep.ts';
import { podQosClass } from './qos.ts';
import type { StrategyContext } from './row.ts';

const asPod = (object: KubeObject): Pod => object as Pod;
const specOf = (object: KubeObject): PodSpec =>
  (fieldsOf(object)['spec'] as PodSpec | undefined) ?? { containers: [] };

export function podCreate(object: KubeObject, context: StrategyContext): void {
  const spec = specOf(object);
  object.metadata.generation = 1;
  const status: Dict = { phase: 'Pending', qosClass: podQosClass(asPod(object)) };
  if (spec.schedulingGates?.length) {
    const message = 'Scheduling is blocked due to non-empty scheduling gates';
    status['conditions'] = [
      {
        type: 'PodScheduled',
        status: 'False',
        lastProbeTime: null,
        lastTransitionTime: context.now,
        reason: 'SchedulingGated',
        message,
      },
    ];
  }
  fieldsOf(object)['status'] = status;
  // Of the alpha feature GenericWorkload, which is off: nothing would hold the group together.
  delete spec.schedulingGroup;
  // As the warning says that goes with it.
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0) spec.terminationGracePeriodSeconds = 1;
  if (spec.affinity) mergeAffinityKeys(spec, object.metadata.labels ?? {});
  for (const constraint of spec.topologySpreadConstraints ?? []) {
    if (constraint.labelSelector)
      addKeys(
        constraint.labelSelector,
        constraint.matchLabelKeys,
        'In',
        object.metadata.labels ?? {},
      );
  }
}

/**
 * matchLabelKeys become plain requirements when the pod is made: the scheduler needs to know
 * nothing of them.
 */
function mergeAffinityKeys(spec: PodSpec, labels: Record<string, string>): void {
  for (const affinity of [spec.affinity?.podAffinity, spec.affinity?.podAntiAffinity]) {
    const terms: PodAffinityTerm[] = [
      ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(
        (t) => t.podAffinityTerm,
      ),
      ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ];
    for (const term of terms) {
      if (!term.labelSelector) continue;
      addKeys(term.labelSelector, term.matchLabelKeys, 'In', labels);
      addKeys(term.labelSelector, term.mismatchLabelKeys, 'NotIn', labels);
    }
  }
}

function addKeys(
  selector: LabelSelector,
  keys: readonly string[] | undefined,
  operator: string,
  labels: Record<string, string>,
): void {
  for (const key of keys ?? []) {
    const value = own(labels, key);
    if (value !== undefined)
      selector.matchExpressions = [
        ...(selector.matchExpressions ?? []),
        { key, operator, values: [value] },
      ];
  }
}

export function podUpdate(object: KubeObject, old: KubeObject): void {
  keepStatus(object, old);
  bumpGeneration(object, old);
}

function bumpGeneration(object: KubeObject, old: KubeObject): void {
  if (!semanticEqual(fieldsOf(object)['spec'], fieldsOf(old)['spec']))
    object.metadata.generation = (old.metadata.generation ?? 0) + 1;
}

export function podStatusUpdate(object: KubeObject, old: KubeObject): void {
  keepSpec(object, old);
  keepMetadata(object, old, ['ownerReferences']);
  delete object.metadata.deletionTimestamp;
  const was = (fieldsOf(old)['status'] as PodStatus | undefined) ?? {};
  const status: PodStatus = { ...(fieldsOf(object)['status'] as PodStatus | undefined) };
  if (!status.qosClass && was.qosClass) status.qosClass = was.qosClass;
  if (!status.observedGeneration && was.observedGeneration)
    status.observedGeneration = was.observedGeneration;
  if (status.conditions) status.conditions = keepObserved(status.conditions, was.conditions ?? []);
  fieldsOf(object)['status'] = status;
}

/** A writer that does not know observedGeneration must not wipe it out. */
function keepObserved(
  conditions: NonNullable<PodStatus['conditions']>,
  was: NonNullable<PodStatus['conditions']>,
): NonNullable<PodStatus['conditions']> {
  const known = new Map<string, number[]>();
  for (const condition of was)
    known.set(condition.type, [
      ...(known.get(condition.type) ?? []),
      condition.observedGeneration ?? 0,
    ]);
  return conditions.map((condition) => {
    const generation = known.get(condition.type)?.shift() ?? 0;
    return condition.observedGeneration || !generation
      ? condition
      : { ...condition, observedGeneration: generation };
  });
}

export function podEphemeralContainersUpdate(object: KubeObject, old: KubeObject): void {
  const asked = specOf(object).ephemeralContainers;
  const spec: PodSpec = { ...specOf(old) };
  if (asked?.length) spec.ephemeralContainers = asked;
  else delete spec.ephemeralContainers;
  fieldsOf(object)['spec'] = spec;
  keepStatus(object, old);
  keepMetadata(object, old);
  bumpGeneration(object, old);
}

/**
 * Only the resources and resize policies of containers may change; a changed list of containers is
 * left to validation.
 */
export function podResizeUpdate(object: KubeObject, old: KubeObject): void {
  const [asked, was] = [specOf(object), specOf(old)];
  const same =
    (asked.containers ?? []).length === was.containers.length &&
    (asked.initContainers ?? []).length === (was.initContainers ?? []).length;
  if (same) {
    const spec: PodSpec = { ...was, containers: resized(asked.containers, was.containers) };
    if (asked.initContainers?.length)
      spec.initContainers = resized(asked.initContainers, was.initContainers ?? []);
    if (asked.resources) spec.resources = asked.resources;
    else delete spec.resources;
    fieldsOf(object)['spec'] = spec;
    keepStatus(object, old);
    keepMetadata(object, old);
  }
  bumpGeneration(object, old);
}

function resized(asked: readonly Container[], was: readonly Container[]): Container[] {
  if (asked.some((container, i) => container.name !== was[i]?.name)) return [...asked];
  return was.map((container, i) => {
    const { resizePolicy: _old, ...rest } = container;
    const wanted = asked[i];
    return {
      ...rest,
      resources: wanted?.resources ?? {},
      ...(wanted?.resizePolicy ? { resizePolicy: wanted.resizePolicy } : {}),
    };
  });
}
