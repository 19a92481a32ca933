import {
  isUnset,
  itemsOf,
  mapAt,
  need,
  unset,
  type Fields,
  type Rule,
  type Rules,
} from './rule.ts';

const apps = 'io.k8s.api.apps.v1.';
const batch = 'io.k8s.api.batch.v1.';

const fillSpec = (object: Fields, values: Fields): void => unset(values)(need(object, 'spec'), {});

const deployment: Rule = (object) => {
  const spec = need(object, 'spec');
  if (isUnset(spec['replicas'])) spec['replicas'] = 1;
  const strategy = need(spec, 'strategy');
  if (isUnset(strategy['type'])) strategy['type'] = 'RollingUpdate';
  if (strategy['type'] === 'RollingUpdate')
    unset({ maxUnavailable: '25%', maxSurge: '25%' })(need(strategy, 'rollingUpdate'), {});
  fillSpec(object, { revisionHistoryLimit: 10, progressDeadlineSeconds: 600 });
};

const daemonSet: Rule = (object) => {
  const strategy = need(need(object, 'spec'), 'updateStrategy');
  if (isUnset(strategy['type'])) strategy['type'] = 'RollingUpdate';
  if (strategy['type'] === 'RollingUpdate')
    unset({ maxUnavailable: 1, maxSurge: 0 })(need(strategy, 'rollingUpdate'), {});
  fillSpec(object, { revisionHistoryLimit: 10 });
};

const statefulSet: Rule = (object) => {
  const spec = need(object, 'spec');
  if (isUnset(spec['podManagementPolicy'])) spec['podManagementPolicy'] = 'OrderedReady';
  const strategy = need(spec, 'updateStrategy');
  if (isUnset(strategy['type'])) {
    strategy['type'] = 'RollingUpdate';
    need(strategy, 'rollingUpdate');
  }
  const rolling = mapAt(strategy, 'rollingUpdate');
  if (strategy['type'] === 'RollingUpdate' && rolling && isUnset(rolling['partition']))
    rolling['partition'] = 0;
  unset({ whenDeleted: 'Retain', whenScaled: 'Retain' })(
    need(spec, 'persistentVolumeClaimRetentionPolicy'),
    {},
  );
  fillSpec(object, { replicas: 1, revisionHistoryLimit: 10 });
  // Claims are whole objects here, and say so.
  for (const claim of itemsOf(spec['volumeClaimTemplates']))
    unset({ kind: 'PersistentVolumeClaim', apiVersion: 'v1' })(claim, {});
};

const job: Rule = (object) => {
  const spec = need(object, 'spec');
  // Neither said: one pod. Only completions said: one at a time. Only parallelism said: a work
  // queue.
  if (isUnset(spec['completions']) && isUnset(spec['parallelism'])) spec['completions'] = 1;
  unset({
    parallelism: 1,
    backoffLimit: isUnset(spec['backoffLimitPerIndex']) ? 6 : 2_147_483_647,
  })(spec, {});
  const template = mapAt(spec, 'template');
  const labels = template && mapAt(need(template, 'metadata'), 'labels');
  const metadata = need(object, 'metadata');
  if (labels && !mapAt(metadata, 'labels')) metadata['labels'] = { ...labels };
  const policy = isUnset(spec['podFailurePolicy']) ? 'TerminatingOrFailed' : 'Failed';
  unset({
    completionMode: 'NonIndexed',
    suspend: false,
    podReplacementPolicy: policy,
    manualSelector: false,
  })(spec, {});
};

const cronJob: Rule = (object) =>
  fillSpec(object, {
    concurrencyPolicy: 'Allow',
    suspend: false,
    successfulJobsHistoryLimit: 3,
    failedJobsHistoryLimit: 1,
  });

const scaleUpPolicies = [
  { type: 'Pods', value: 4, periodSeconds: 15 },
  { type: 'Percent', value: 100, periodSeconds: 15 },
];

const autoscalerV2: Rule = (object) => {
  const spec = need(object, 'spec');
  if (isUnset(spec['minReplicas'])) spec['minReplicas'] = 1;
  const metrics = spec['metrics'];
  if (!Array.isArray(metrics) || metrics.length === 0) {
    spec['metrics'] = [
      {
        type: 'Resource',
        resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } },
      },
    ];
  }
  const behavior = mapAt(spec, 'behavior');
  if (!behavior) return;
  unset({ stabilizationWindowSeconds: 0, selectPolicy: 'Max', policies: scaleUpPolicies })(
    need(behavior, 'scaleUp'),
    {},
  );
  unset({ selectPolicy: 'Max', policies: [scaleUpPolicies[1]] })(need(behavior, 'scaleDown'), {});
};

export const deploymentDefaults: Rules = { [`${apps}Deployment`]: [deployment] };

export const daemonSetDefaults: Rules = { [`${apps}DaemonSet`]: [daemonSet] };

export const statefulSetDefaults: Rules = { [`${apps}StatefulSet`]: [statefulSet] };

export const replicaSetDefaults: Rules = {
  [`${apps}ReplicaSet`]: [(object) => fillSpec(object, { replicas: 1 })],
};

export const jobDefaults: Rules = {
  [`${batch}Job`]: [job],
  [`${batch}PodFailurePolicyOnPodConditionsPattern`]: [unset({ status: 'True' })],
};

export const cronJobDefaults: Rules = { [`${batch}CronJob`]: [cronJob] };

export const horizontalPodAutoscalerDefaults: Rules = {
  'io.k8s.api.autoscaling.v1.HorizontalPodAutoscaler': [
    (object) => fillSpec(object, { minReplicas: 1 }),
  ],
  'io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler': [autoscalerV2],
};

export const workloadRules: Rules = {
  ...deploymentDefaults,
  ...daemonSetDefaults,
  ...statefulSetDefaults,
  ...replicaSetDefaults,
  ...jobDefaults,
  ...cronJobDefaults,
  ...horizontalPodAutoscalerDefaults,
};
