import type { CronJob, CronJobSpec, Job, JobSpec } from '../generated/types/batch-v1.ts';
import type { PodSpec, PodTemplateSpec } from '../generated/types/core-v1.ts';
import { semanticEqual } from '../loose.ts';
import { dns1123Label, dns1123Subdomain } from '../names.ts';
import { selectorFromObject } from '../selectors.ts';
import { cronError, zoneError } from '../cron/cron.ts';
import { checkDomainPath } from './domain-path.ts';
import { checkFailurePolicy, checkSuccessPolicy } from './job-policies.ts';
import { updateJobStatus } from './job-status.ts';
import { checkLabelSelector, checkMetadata, checkMetadataUpdate } from './metadata.ts';
import { immutable, inOrder } from './problems.ts';
import type { Problems } from './problems.ts';
import type { Rule } from './rule.ts';
import { shownPodSpec } from './shapes.ts';
import { checkTemplate } from './templates.ts';

const mostParallel = 100_000;
const manyCompletions = 100_000;
const mostWithMany = 10_000;
const managedByLength = 63;
const cronNameLength = 52;
const oldLabels = { uid: 'controller-uid', name: 'job-name' };
const newLabels = {
  uid: 'batch.kubernetes.io/controller-uid',
  name: 'batch.kubernetes.io/job-name',
};
const noTemplate = { metadata: {}, spec: { containers: [] } } as PodTemplateSpec;

function checkGenerated(problems: Problems, { metadata, spec }: Job, prefixed: boolean): void {
  if (spec?.manualSelector || !spec?.selector) return;
  const [uid, name] = [metadata.uid ?? '', metadata.name ?? ''];
  if (!uid) problems.required('metadata.uid');
  const labels = spec.template?.metadata?.labels ?? {};
  const expected: Record<string, string> = {};
  for (const names of prefixed ? [oldLabels, newLabels] : [oldLabels]) {
    for (const [key, value] of [
      [names.uid, uid],
      [names.name, name],
    ] as const) {
      expected[key] = value;
      const field = `spec.template.metadata.labels[${key}]`;
      if (labels[key] === undefined) problems.required(field, `must be '${value}'`);
      else if (labels[key] !== value)
        problems.invalid(field, inOrder(labels), `must be '${value}'`);
    }
  }
  if (matches(spec, expected) === false)
    problems.invalid('spec.selector', spec.selector, '`selector` not auto-generated');
}

/** Undefined when the selector cannot be read. */
function matches(
  spec: JobSpec,
  labels: Readonly<Record<string, string>> | undefined,
): boolean | undefined {
  try {
    return spec.selector ? selectorFromObject(spec.selector).matches(labels) : false;
  } catch {
    return undefined;
  }
}

function checkJob(problems: Problems, job: Job, prefixed: boolean): void {
  checkMetadata(problems, job.metadata ?? {}, { namespaced: true, name: dns1123Subdomain });
  checkGenerated(problems, job, prefixed);
  const spec = job.spec ?? ({} as JobSpec);
  checkWholeSpec(problems, spec);
  if (spec.completionMode === 'Indexed' && (spec.completions ?? 0) > 0) {
    const last = `${job.metadata.name}-${(spec.completions ?? 0) - 1}`;
    if (dns1123Label(last).length > 0)
      problems.invalid(
        'metadata.name',
        job.metadata.name,
        `will not able to create pod with invalid DNS label: ${last}`,
      );
  }
}

function checkWholeSpec(problems: Problems, spec: JobSpec): void {
  checkSpec(problems, spec, 'spec');
  if (!spec.selector) problems.required('spec.selector');
  else checkLabelSelector(problems, spec.selector, 'spec.selector');
  const labels = spec.template?.metadata?.labels;
  if (matches(spec, labels) === false)
    problems.invalid(
      'spec.template.metadata.labels',
      inOrder(labels),
      '`selector` does not match template `labels`',
    );
}

function checkSpec(problems: Problems, spec: JobSpec, path: string): void {
  for (const field of [
    'parallelism',
    'completions',
    'activeDeadlineSeconds',
    'backoffLimit',
    'ttlSecondsAfterFinished',
    'backoffLimitPerIndex',
    'maxFailedIndexes',
  ] as const)
    problems.nonNegative(`${path}.${field}`, spec[field]);
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined)
    problems.required(`${path}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified');
  if (spec.managedBy !== undefined) {
    checkDomainPath(problems, spec.managedBy, `${path}.managedBy`);
    if (spec.managedBy.length > managedByLength)
      problems.tooLong(`${path}.managedBy`, managedByLength);
  }
  checkMode(problems, spec, path);
  if (spec.podFailurePolicy) checkFailurePolicy(problems, spec, `${path}.podFailurePolicy`);
  if (spec.successPolicy) {
    if (spec.completionMode === 'Indexed')
      checkSuccessPolicy(problems, spec, `${path}.successPolicy`);
    else
      problems.invalid(
        `${path}.successPolicy`,
        {
          Rules: (spec.successPolicy.rules ?? []).map((r) => ({
            SucceededIndexes: r.succeededIndexes ?? null,
            SucceededCount: r.succeededCount ?? null,
          })),
        },
        'requires indexed completion mode',
      );
  }
  const replacement = spec.podReplacementPolicy;
  const replacements = spec.podFailurePolicy ? ['Failed'] : ['Failed', 'TerminatingOrFailed'];
  if (replacement !== undefined && !replacements.includes(replacement))
    problems.notSupported(`${path}.podReplacementPolicy`, replacement, replacements);
  checkTemplate(problems, spec.template ?? noTemplate, `${path}.template`);
  checkRestart(problems, spec, `${path}.template.spec.restartPolicy`);
}

function checkRestart(problems: Problems, spec: JobSpec, field: string): void {
  const policy = spec.template?.spec?.restartPolicy;
  if (!policy || policy === 'Always')
    problems.required(field, 'valid values: "OnFailure", "Never"');
  else if (policy !== 'OnFailure' && policy !== 'Never')
    problems.notSupported(field, policy, ['OnFailure', 'Never']);
  else if (spec.podFailurePolicy && policy !== 'Never')
    problems.invalid(field, policy, 'only "Never" is supported when podFailurePolicy is specified');
}

function checkMode(problems: Problems, spec: JobSpec, path: string): void {
  const {
    completionMode: mode,
    completions,
    parallelism,
    maxFailedIndexes: mostFailed,
    backoffLimitPerIndex: perIndex,
  } = spec;
  if (mode !== undefined && !['NonIndexed', 'Indexed'].includes(mode))
    problems.notSupported(`${path}.completionMode`, mode, ['NonIndexed', 'Indexed']);
  if (mode !== 'Indexed') {
    const needed = 'requires indexed completion mode';
    if (mode !== undefined && mode !== 'NonIndexed') return;
    if (perIndex !== undefined) problems.invalid(`${path}.backoffLimitPerIndex`, perIndex, needed);
    if (mostFailed !== undefined) problems.invalid(`${path}.maxFailedIndexes`, mostFailed, needed);
    return;
  }
  if (completions === undefined)
    problems.required(`${path}.completions`, 'when completion mode is Indexed');
  if ((parallelism ?? 0) > mostParallel)
    problems.invalid(
      `${path}.parallelism`,
      parallelism,
      `must be less than or equal to ${mostParallel} when completion mode is Indexed`,
    );
  if (completions !== undefined && mostFailed !== undefined && mostFailed > completions)
    problems.invalid(
      `${path}.maxFailedIndexes`,
      mostFailed,
      'must be less than or equal to completions',
    );
  if ((mostFailed ?? 0) > mostParallel)
    problems.invalid(
      `${path}.maxFailedIndexes`,
      mostFailed,
      `must be less than or equal to ${mostParallel}`,
    );
  if ((completions ?? 0) <= manyCompletions || perIndex === undefined) return;
  const limited =
    `must be less than or equal to ${mostWithMany} when completions are above ` +
    `${manyCompletions} and used with backoff limit per index`;
  if (mostFailed === undefined)
    problems.required(
      `${path}.maxFailedIndexes`,
      `must be specified when completions is above ${manyCompletions}`,
    );
  if ((parallelism ?? 0) > mostWithMany)
    problems.invalid(`${path}.parallelism`, parallelism, limited);
  if ((mostFailed ?? 0) > mostWithMany)
    problems.invalid(`${path}.maxFailedIndexes`, mostFailed, limited);
}

const fixed = [
  'completionMode',
  'podFailurePolicy',
  'backoffLimitPerIndex',
  'managedBy',
  'successPolicy',
] as const;

function updateJob(problems: Problems, job: Job, old: Job): void {
  const was = old.spec ?? ({} as JobSpec);
  const spec = job.spec ?? ({} as JobSpec);
  const labels = was.template?.metadata?.labels ?? {};
  checkJob(problems, job, newLabels.name in labels && newLabels.uid in labels);
  checkMetadataUpdate(problems, job.metadata ?? {}, old.metadata ?? {});
  checkWholeSpec(problems, spec);
  if (spec.completionMode !== 'Indexed')
    problems.immutable('spec.completions', spec.completions ?? null, was.completions ?? null);
  else if (
    !semanticEqual(spec.completions, was.completions) &&
    spec.completions !== undefined &&
    spec.completions !== spec.parallelism
  ) {
    problems.invalid(
      'spec.completions',
      spec.completions,
      'can only be modified in tandem with spec.parallelism',
    );
  }
  problems.immutable('spec.selector', spec.selector, was.selector);
  checkTemplateChange(problems, spec.template ?? noTemplate, was.template ?? noTemplate, old);
  for (const field of fixed)
    problems.immutable(`spec.${field}`, spec[field] ?? null, was[field] ?? null);
}

/**
 * While a job is suspended and runs nothing, where its pods may go and what they get may change.
 */
function checkTemplateChange(
  problems: Problems,
  template: PodTemplateSpec,
  before: PodTemplateSpec,
  old: Job,
): void {
  const suspended = old.spec?.suspend === true;
  const open =
    suspended &&
    (!old.status?.startTime ||
      (old.status.conditions ?? []).some((c) => c.type === 'Suspended' && c.status === 'True'));
  const [spec, was] = [template.spec ?? { containers: [] }, before.spec ?? { containers: [] }];
  if (!open) {
    if (!semanticEqual(template, before))
      problems.invalid('spec.template', shownTemplate(template), immutable);
    return;
  }
  const rest = { ...was };
  for (const field of ['nodeSelector', 'tolerations', 'schedulingGates'] as const)
    copy(rest, spec, field);
  const affinity = { ...was.affinity, nodeAffinity: spec.affinity?.nodeAffinity };
  if (!affinity.nodeAffinity) delete affinity.nodeAffinity;
  if (Object.keys(affinity).length > 0 || spec.affinity)
    rest.affinity = affinity as NonNullable<PodSpec['affinity']>;
  else delete rest.affinity;
  for (const list of ['containers', 'initContainers'] as const) {
    const [now, then] = [spec[list] ?? [], was[list] ?? []];
    if (now.length === then.length && then.length > 0)
      rest[list] = then.map((c, i) =>
        now[i]?.name === c.name
          ? { ...c, ...(now[i].resources ? { resources: now[i].resources } : {}) }
          : c,
      );
  }
  if (!semanticEqual(spec, rest))
    problems.invalid('spec.template.spec', shownPodSpec(spec), immutable);
}

function copy<K extends keyof PodSpec>(target: PodSpec, source: PodSpec, field: K): void {
  if (source[field] === undefined) delete target[field];
  else target[field] = source[field];
}

function shownTemplate({ metadata, spec }: PodTemplateSpec): unknown {
  return { ...(metadata ?? {}), Spec: shownPodSpec(spec ?? {}) };
}

export const job: Rule<Job> = {
  name: dns1123Subdomain,
  create: (problems, object) => checkJob(problems, object, true),
  update: updateJob,
  subresources: { status: updateJobStatus },
};

function checkCronSpec(problems: Problems, spec: CronJobSpec, old: CronJobSpec | undefined): void {
  if (!spec.schedule) problems.required('spec.schedule');
  else checkSchedule(problems, spec, old?.schedule.includes('TZ') ?? false);
  problems.nonNegative('spec.startingDeadlineSeconds', spec.startingDeadlineSeconds);
  if (spec.timeZone !== undefined && (!old || old.timeZone !== spec.timeZone))
    checkZone(problems, spec.timeZone);
  problems.oneOf('spec.concurrencyPolicy', spec.concurrencyPolicy, ['Allow', 'Forbid', 'Replace']);
  const template = spec.jobTemplate?.spec ?? ({} as JobSpec);
  checkSpec(problems, template, 'spec.jobTemplate.spec');
  if (template.selector)
    problems.invalid(
      'spec.jobTemplate.spec.selector',
      template.selector,
      '`selector` will be auto-generated',
    );
  if (template.manualSelector)
    problems.notSupported('spec.jobTemplate.spec.manualSelector', template.manualSelector, [
      'nil',
      'false',
    ]);
  problems.nonNegative('spec.successfulJobsHistoryLimit', spec.successfulJobsHistoryLimit);
  problems.nonNegative('spec.failedJobsHistoryLimit', spec.failedJobsHistoryLimit);
}

function checkSchedule(
  problems: Problems,
  { schedule, timeZone }: CronJobSpec,
  zoned: boolean,
): void {
  const wrong = cronError(schedule);
  if (wrong) problems.invalid('spec.schedule', schedule, wrong);
  if (!schedule.includes('TZ')) return;
  if (!zoned)
    problems.invalid(
      'spec.schedule',
      schedule,
      'cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
    );
  else if (timeZone !== undefined)
    problems.invalid(
      'spec.schedule',
      schedule,
      'cannot use both timeZone field and TZ or CRON_TZ in schedule',
    );
}

function checkZone(problems: Problems, zone: string): void {
  if (!zone)
    return problems.invalid('spec.timeZone', zone, 'timeZone must be nil or non-empty string');
  if (
    zone
      .split('/')
      .some(
        (part) =>
          part === '.' ||
          part === '..' ||
          part.startsWith('-') ||
          !/^[A-Za-z.\-_0-9+]{1,14}$/.test(part),
      )
  )
    return problems.invalid('spec.timeZone', zone, `unknown time zone ${zone}`);
  if (zone.toLowerCase() === 'local')
    problems.invalid(
      'spec.timeZone',
      zone,
      'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones',
    );
  const wrong = zone === 'Local' ? undefined : zoneError(zone);
  if (wrong) problems.invalid('spec.timeZone', zone, wrong);
}

export const cronJob: Rule<CronJob> = {
  name: dns1123Subdomain,
  spec(problems, object) {
    checkCronSpec(problems, object.spec ?? ({} as CronJobSpec), undefined);
    const { name = '' } = object.metadata;
    if (name.length > cronNameLength)
      problems.invalid('metadata.name', name, `must be no more than ${cronNameLength} characters`);
  },
  updates: ['metadata', 'change'],
  change: (problems, object, old) =>
    checkCronSpec(problems, object.spec ?? ({} as CronJobSpec), old.spec),
  subresources: { status: () => undefined },
};
