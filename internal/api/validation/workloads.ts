import type {
  ControllerRevision,
  DaemonSet,
  Deployment,
  ReplicaSet,
  StatefulSet,
  StatefulSetSpec,
} from '../generated/types/apps-v1.ts';
import type {
  PodTemplate,
  PodTemplateSpec,
  ReplicationController,
  Volume,
} from '../generated/types/core-v1.ts';
import { isDict, semanticEqual } from '../loose.ts';
import { dns1123Label, dns1123Subdomain } from '../names.ts';
import { selectorFromObject } from '../selectors.ts';
import { checkClaimSpec } from './claims.ts';
import { checkMetadataUpdate } from './metadata.ts';
import { inOrder, Problems } from './problems.ts';
import { metadataOnly } from './rule.ts';
import type { Rule } from './rule.ts';
import {
  checkAtMostAll,
  checkCount,
  checkLongRunning,
  checkSelectorMap,
  checkTemplate,
  checkTemplateLabels,
  checkWorkloadSelector,
  countValue,
} from './templates.ts';

const emptyTemplate: PodTemplateSpec = { metadata: {}, spec: { containers: [] } };

interface Counts {
  [field: string]: unknown;
}

const tooMany = 'cannot be greater than status.replicas';

/** Counts of a status: none negative, none above the whole. */
function checkCounts(
  problems: Problems,
  status: Counts,
  fields: readonly string[],
  parts: readonly string[],
): void {
  const number = (field: string): number =>
    typeof status[field] === 'number' ? (status[field] as number) : 0;
  for (const field of fields) problems.nonNegative(`status.${field}`, number(field));
  for (const part of parts)
    if (number(part) > number('replicas'))
      problems.invalid(`status.${part}`, number(part), tooMany);
}

function checkAvailable(problems: Problems, status: Counts, detail: string): void {
  const [available, ready] = [
    Number(status['availableReplicas'] ?? 0),
    Number(status['readyReplicas'] ?? 0),
  ];
  if (available > ready) problems.invalid('status.availableReplicas', available, detail);
}

function checkCollisions(
  problems: Problems,
  now: number | undefined,
  before: number | undefined,
): void {
  if (before !== undefined && (now ?? 0) < before)
    problems.invalid('status.collisionCount', now ?? 0, 'cannot be decremented');
}

function deploymentSpec(problems: Problems, { spec }: Deployment): void {
  problems.nonNegative('spec.replicas', spec?.replicas);
  const selector = checkWorkloadSelector(problems, spec?.selector, 'spec.selector', {
    kind: 'deployment',
    required: true,
    broken: 'invalid label selector',
  });
  replicaTemplate(problems, selector, spec?.template ?? emptyTemplate, !spec?.selector);
  const strategy = spec?.strategy;
  if (strategy?.type === 'Recreate') {
    if (strategy.rollingUpdate)
      problems.forbidden(
        'spec.strategy.rollingUpdate',
        "may not be specified when strategy `type` is 'Recreate'",
      );
  } else if (strategy?.type !== 'RollingUpdate')
    problems.notSupported('spec.strategy', goStrategy(strategy), ['Recreate', 'RollingUpdate']);
  else if (!strategy.rollingUpdate)
    problems.required('spec.strategy.rollingUpdate', 'this should be defaulted and never be nil');
  else {
    const { maxSurge, maxUnavailable } = strategy.rollingUpdate;
    const path = 'spec.strategy.rollingUpdate';
    checkCount(problems, maxUnavailable, `${path}.maxUnavailable`);
    checkCount(problems, maxSurge, `${path}.maxSurge`);
    if (countValue(maxUnavailable) === 0 && countValue(maxSurge) === 0)
      problems.invalid(
        `${path}.maxUnavailable`,
        maxUnavailable,
        'may not be 0 when `maxSurge` is 0',
      );
    checkAtMostAll(problems, maxUnavailable, `${path}.maxUnavailable`);
  }
  problems.nonNegative('spec.minReadySeconds', spec?.minReadySeconds);
  problems.nonNegative('spec.revisionHistoryLimit', spec?.revisionHistoryLimit);
  const deadline = spec?.progressDeadlineSeconds;
  if (deadline === undefined) return;
  problems.nonNegative('spec.progressDeadlineSeconds', deadline);
  if (deadline <= (spec?.minReadySeconds ?? 0))
    problems.invalid(
      'spec.progressDeadlineSeconds',
      deadline,
      'must be greater than minReadySeconds',
    );
}

/** Upstream shows its own struct, with Go's field names. */
function goStrategy(strategy: { type?: string; rollingUpdate?: unknown } | undefined): unknown {
  return { Type: strategy?.type ?? '', RollingUpdate: strategy?.rollingUpdate ?? null };
}

function replicaTemplate(
  problems: Problems,
  selector: ReturnType<typeof selectorFromObject> | undefined,
  template: PodTemplateSpec,
  noSelector: boolean,
): void {
  // Without a selector nothing matches; upstream goes on with one that matches no labels at all.
  if (selector) checkTemplateLabels(problems, selector, template, 'spec.template');
  else if (noSelector)
    problems.invalid(
      'spec.template.metadata.labels',
      inOrder(template.metadata?.labels),
      '`selector` does not match template `labels`',
    );
  else return;
  checkTemplate(problems, template, 'spec.template');
  checkLongRunning(problems, template, 'spec.template', 'ReplicaSet');
}

export const deployment: Rule<Deployment> = {
  name: dns1123Subdomain,
  spec: deploymentSpec,
  update(problems, object, old) {
    checkMetadataUpdate(problems, object.metadata ?? {}, old.metadata ?? {});
    deploymentSpec(problems, object);
    problems.immutable('spec.selector', object.spec?.selector, old.spec?.selector);
  },
  subresources: {
    status(problems, object, old) {
      checkMetadataUpdate(problems, object.metadata ?? {}, old.metadata ?? {});
      const status = { ...object.status } as Counts;
      checkCounts(
        problems,
        status,
        [
          'observedGeneration',
          'replicas',
          'updatedReplicas',
          'readyReplicas',
          'availableReplicas',
          'unavailableReplicas',
          'terminatingReplicas',
          'collisionCount',
        ],
        ['updatedReplicas', 'readyReplicas', 'availableReplicas'],
      );
      checkAvailable(problems, status, 'cannot be greater than readyReplicas');
      checkCollisions(problems, object.status?.collisionCount, old.status?.collisionCount);
    },
  },
};

function replicaSetSpec(problems: Problems, { spec }: ReplicaSet): void {
  problems.nonNegative('spec.replicas', spec?.replicas);
  problems.nonNegative('spec.minReadySeconds', spec?.minReadySeconds);
  const selector = checkWorkloadSelector(problems, spec?.selector, 'spec.selector', {
    kind: 'deployment',
    required: true,
    broken: 'invalid label selector',
  });
  replicaTemplate(problems, selector, spec?.template ?? emptyTemplate, !spec?.selector);
}

const replicaCounts = [
  'replicas',
  'fullyLabeledReplicas',
  'readyReplicas',
  'availableReplicas',
  'observedGeneration',
  'terminatingReplicas',
];
const replicaParts = ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'];

function replicaStatus(
  problems: Problems,
  object: ReplicaSet | ReplicationController,
  old: ReplicaSet | ReplicationController,
): void {
  checkMetadataUpdate(problems, object.metadata ?? {}, old.metadata ?? {});
  const status = { ...object.status } as Counts;
  checkCounts(problems, status, replicaCounts, replicaParts);
  checkAvailable(problems, status, 'cannot be greater than readyReplicas');
}

export const replicaSet: Rule<ReplicaSet> = {
  name: dns1123Subdomain,
  spec: replicaSetSpec,
  update(problems, object, old) {
    checkMetadataUpdate(problems, object.metadata ?? {}, old.metadata ?? {});
    replicaSetSpec(problems, object);
    problems.immutable('spec.selector', object.spec?.selector, old.spec?.selector);
  },
  subresources: { status: replicaStatus },
};

function controllerSpec(problems: Problems, { spec }: ReplicationController): void {
  problems.nonNegative('spec.minReadySeconds', spec?.minReadySeconds);
  const selector = checkSelectorMap(problems, spec?.selector, 'spec.selector');
  if (spec?.replicas === undefined) problems.required('spec.replicas');
  else problems.nonNegative('spec.replicas', spec.replicas);
  if (!spec?.template) return problems.required('spec.template');
  checkTemplateLabels(problems, selector, spec.template, 'spec.template');
  checkTemplate(problems, spec.template, 'spec.template');
  checkLongRunning(problems, spec.template, 'spec.template', 'ReplicationController');
}

export const replicationController: Rule<ReplicationController> = {
  name: dns1123Subdomain,
  spec: controllerSpec,
  subresources: { status: replicaStatus },
};

function daemonSetSpec(problems: Problems, { spec }: DaemonSet): void {
  const template = spec?.template ?? emptyTemplate;
  const before = problems.list.length;
  const own = new Problems();
  const selector = checkWorkloadSelector(own, spec?.selector, 'spec.selector', {
    kind: 'daemonset',
    required: false,
    broken: '',
  });
  // Upstream looks at the labels before it calls an empty selector empty.
  const [empty, rest] = [
    own.list.filter((e) => e.detail.startsWith('empty selector')),
    own.list.filter((e) => !e.detail.startsWith('empty selector')),
  ];
  problems.add(rest.filter((e) => e.detail !== ''));
  const matches = spec?.selector ? (selector?.matches(template.metadata?.labels) ?? true) : false;
  if (!matches && problems.list.length >= before)
    problems.invalid(
      'spec.template.metadata.labels',
      inOrder(template.metadata?.labels),
      '`selector` does not match template `labels`',
    );
  problems.add(empty);
  checkTemplate(problems, template, 'spec.template');
  checkLongRunning(problems, template, 'spec.template', 'DaemonSet');
  problems.nonNegative('spec.minReadySeconds', spec?.minReadySeconds);
  daemonSetStrategy(problems, spec?.updateStrategy);
  problems.nonNegative('spec.revisionHistoryLimit', spec?.revisionHistoryLimit);
}

function daemonSetStrategy(
  problems: Problems,
  strategy: NonNullable<DaemonSet['spec']>['updateStrategy'] | undefined,
): void {
  const path = 'spec.updateStrategy';
  if (strategy?.type === 'OnDelete') return;
  if (strategy?.type !== 'RollingUpdate')
    return problems.notSupported(path, goStrategy(strategy), ['RollingUpdate', 'OnDelete']);
  const { maxUnavailable, maxSurge } = strategy.rollingUpdate ?? {};
  checkCount(problems, maxUnavailable, `${path}.rollingUpdate.maxUnavailable`);
  checkCount(problems, maxSurge, `${path}.rollingUpdate.maxSurge`);
  checkAtMostAll(problems, maxUnavailable, `${path}.rollingUpdate.maxUnavailable`);
  checkAtMostAll(problems, maxSurge, `${path}.rollingUpdate.maxSurge`);
  const [unavailable, surge] = [countValue(maxUnavailable) !== 0, countValue(maxSurge) !== 0];
  if (unavailable && surge)
    problems.invalid(
      `${path}.rollingUpdate.maxSurge`,
      maxSurge,
      'may not be set when maxUnavailable is non-zero',
    );
  if (!unavailable && !surge)
    problems.required(`${path}.rollingUpdate.maxUnavailable`, 'cannot be 0 when maxSurge is 0');
}

export const daemonSet: Rule<DaemonSet> = {
  name: dns1123Subdomain,
  spec: daemonSetSpec,
  update(problems, object, old) {
    checkMetadataUpdate(problems, object.metadata ?? {}, old.metadata ?? {});
    problems.immutable('spec.selector', object.spec?.selector, old.spec?.selector);
    daemonSetSpec(problems, object);
  },
  subresources: {
    status(problems, object, old) {
      checkMetadataUpdate(problems, object.metadata ?? {}, old.metadata ?? {});
      const fields = [
        'currentNumberScheduled',
        'numberMisscheduled',
        'desiredNumberScheduled',
        'numberReady',
        'observedGeneration',
        'updatedNumberScheduled',
        'numberAvailable',
        'numberUnavailable',
        'collisionCount',
      ];
      checkCounts(problems, { ...object.status } as Counts, fields, []);
      checkCollisions(problems, object.status?.collisionCount, old.status?.collisionCount);
    },
  },
};

function statefulSetSpec(problems: Problems, { spec }: StatefulSet, isUpdate = false): void {
  if (!spec) return problems.required('spec.selector');
  if (!spec.podManagementPolicy) problems.required('spec.podManagementPolicy');
  else if (!['OrderedReady', 'Parallel'].includes(spec.podManagementPolicy))
    problems.invalid(
      'spec.podManagementPolicy',
      spec.podManagementPolicy,
      "must be 'OrderedReady' or 'Parallel'",
    );
  statefulSetStrategy(problems, spec);
  const retention = spec.persistentVolumeClaimRetentionPolicy;
  if (retention) {
    for (const field of ['whenDeleted', 'whenScaled'] as const) {
      const value = retention[field] ?? '';
      if (!['Retain', 'Delete'].includes(value))
        problems.notSupported(`spec.persistentVolumeClaimRetentionPolicy.${field}`, value, [
          'Retain',
          'Delete',
        ]);
    }
  }
  if (!isUpdate)
    (spec.volumeClaimTemplates ?? []).forEach((claim, i) =>
      checkClaimSpec(problems, claim.spec ?? {}, `spec.volumeClaimTemplates[${i}].spec`),
    );
  problems.nonNegative('spec.replicas', spec.replicas);
  problems.nonNegative('spec.minReadySeconds', spec.minReadySeconds);
  problems.nonNegative('spec.ordinals.start', spec.ordinals?.start);
  if (!isUpdate && spec.serviceName)
    problems.check('spec.serviceName', spec.serviceName, dns1123Label);
  statefulSetTemplate(problems, spec);
}

function statefulSetStrategy(problems: Problems, spec: StatefulSetSpec): void {
  const { type, rollingUpdate } = spec.updateStrategy ?? {};
  const path = 'spec.updateStrategy';
  if (!type) problems.required(path);
  else if (type === 'OnDelete') {
    if (rollingUpdate)
      problems.invalid(
        `${path}.rollingUpdate`,
        {
          Partition: rollingUpdate.partition ?? 0,
          MaxUnavailable: rollingUpdate.maxUnavailable ?? null,
        },
        "only allowed for updateStrategy 'RollingUpdate'",
      );
  } else if (type === 'RollingUpdate') {
    problems.nonNegative(`${path}.rollingUpdate.partition`, rollingUpdate?.partition);
    const most = rollingUpdate?.maxUnavailable;
    if (most === undefined) return;
    checkCount(problems, most, `${path}.rollingUpdate.maxUnavailable`);
    if (countValue(most) === 0)
      problems.invalid(`${path}.rollingUpdate.maxUnavailable`, most, 'cannot be 0');
    checkAtMostAll(problems, most, `${path}.rollingUpdate.maxUnavailable`);
  } else
    problems.invalid(
      path,
      goStrategy(spec.updateStrategy),
      "must be 'RollingUpdate' or 'OnDelete'",
    );
}

function statefulSetTemplate(problems: Problems, spec: StatefulSetSpec): void {
  const selector = checkWorkloadSelector(problems, spec.selector, 'spec.selector', {
    kind: 'statefulset',
    required: true,
    broken: '',
  });
  const template = spec.template ?? emptyTemplate;
  const podSpec = { ...(template.spec ?? { containers: [] }) };
  delete podSpec.subdomain;
  delete podSpec.hostname;
  // Volumes come with the claims; mounts may name them.
  const names = (spec.volumeClaimTemplates ?? []).map((c) => c.metadata?.name ?? '');
  const claims: Volume[] = names.map((name) => ({
    name,
    persistentVolumeClaim: { claimName: name },
  }));
  const claimed = new Set(names);
  if (claims.length > 0)
    podSpec.volumes = [...claims, ...(podSpec.volumes ?? []).filter((v) => !claimed.has(v.name))];
  if (selector) checkTemplateLabels(problems, selector, template, 'spec.template');
  else if (!spec.selector)
    problems.invalid(
      'spec.template.metadata.labels',
      inOrder(template.metadata?.labels),
      '`selector` does not match template `labels`',
    );
  checkTemplate(problems, { ...template, spec: podSpec }, 'spec.template');
  checkLongRunning(problems, template, 'spec.template', 'StatefulSet');
}

const mutable = [
  'replicas',
  'template',
  'updateStrategy',
  'minReadySeconds',
  'ordinals',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
];

export const statefulSet: Rule<StatefulSet> = {
  name: dns1123Label,
  spec: statefulSetSpec,
  update(problems, object, old) {
    checkMetadataUpdate(problems, object.metadata ?? {}, old.metadata ?? {});
    statefulSetSpec(problems, object, true);
    const rest = (set: StatefulSet): unknown =>
      Object.fromEntries(
        Object.entries(set.spec ?? {}).filter(([field]) => !mutable.includes(field)),
      );
    if (!semanticEqual(rest(object), rest(old))) {
      problems.forbidden(
        'spec',
        "updates to statefulset spec for fields other than 'replicas', 'ordinals', " +
          "'template', 'updateStrategy', 'revisionHistoryLimit', " +
          "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
      );
    }
  },
  subresources: {
    status(problems, object, old) {
      const status = { ...object.status } as Counts;
      const parts = ['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'];
      checkCounts(
        problems,
        status,
        ['replicas', ...parts, 'observedGeneration', 'collisionCount'],
        parts,
      );
      checkAvailable(problems, status, 'cannot be greater than status.readyReplicas');
      checkMetadataUpdate(problems, object.metadata ?? {}, old.metadata ?? {});
      checkCollisions(problems, object.status?.collisionCount, old.status?.collisionCount);
    },
  },
};

export const controllerRevision: Rule<ControllerRevision> = {
  name: dns1123Subdomain,
  spec(problems, object) {
    problems.nonNegative('revision', object.revision);
    if (object.data === undefined || object.data === null)
      problems.required('data', 'data is mandatory');
    else if (!isDict(object.data)) problems.required('data', 'data must be a valid JSON object');
  },
  update(problems, object, old) {
    checkMetadataUpdate(problems, object.metadata ?? {}, old.metadata ?? {});
    metadataOnly(problems, object.metadata ?? {}, { namespaced: true, name: dns1123Subdomain });
    problems.nonNegative('revision', object.revision);
    problems.immutable('data', object.data, old.data);
  },
};

export const podTemplate: Rule<PodTemplate> = {
  name: dns1123Subdomain,
  spec: (problems, object) => checkTemplate(problems, object.template ?? emptyTemplate, 'template'),
  update(problems, object, old) {
    checkMetadataUpdate(problems, object.metadata ?? {}, old.metadata ?? {});
    checkTemplate(problems, object.template ?? emptyTemplate, 'template');
  },
};
