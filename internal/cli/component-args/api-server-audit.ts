import type { ApiServerSettings } from '../../supervisor/config.ts';
import { none, takes, type Arg, type Taken } from './table.ts';
import { count, someTime, text, whole } from './values.ts';

type Audit = NonNullable<ApiServerSettings['audit']>;
type Settings = ApiServerSettings;

/**
 * Arguments come in any order: a part may be spoken of before its file is, and `settledAudit` drops
 * one that never gets any.
 */
function audit<V>(
  parse: (value: string) => V,
  set: (audit: Audit, value: V) => void,
): Taken<Settings> {
  return takes(parse, (settings, value) => {
    settings.audit ??= { policyFile: '' };
    set(settings.audit, value);
  });
}

const log = <V>(
  parse: (value: string) => V,
  field: keyof NonNullable<Audit['log']>,
): Taken<Settings> =>
  audit(parse, (to, value) => void (to.log = { path: '', ...to.log, [field]: value }));

const webhook = <V>(
  parse: (value: string) => V,
  field: keyof NonNullable<Audit['webhook']>,
): Taken<Settings> =>
  audit(
    parse,
    (to, value) => void (to.webhook = { configFile: '', ...to.webhook, [field]: value }),
  );

/** kube-apiserver's arguments of the audit. */
export const auditArgs: [string, Arg<Settings>][] = [
  ['audit-policy-file', audit(text, (to, path) => void (to.policyFile = path))],
  ['audit-log-path', log(text, 'path')],
  ['audit-log-maxsize', log(whole, 'maxSizeMb')],
  ['audit-log-maxbackup', log(whole, 'maxBackups')],
  ['audit-log-maxage', log(whole, 'maxAgeDays')],
  ['audit-webhook-config-file', webhook(text, 'configFile')],
  ['audit-webhook-batch-buffer-size', webhook(count, 'bufferSize')],
  ['audit-webhook-batch-max-size', webhook(count, 'maxBatchSize')],
  ['audit-webhook-batch-max-wait', webhook(someTime, 'maxBatchWaitMs')],
  ['audit-webhook-initial-backoff', webhook(someTime, 'initialBackoffMs')],
  ...none<Settings>(
    'events are written as JSON of audit.k8s.io/v1, one by one as they come',
    'audit-log-format audit-log-mode audit-log-version audit-log-batch-buffer-size ' +
      'audit-log-batch-max-size audit-log-batch-max-wait audit-log-batch-throttle-burst ' +
      'audit-log-batch-throttle-enable audit-log-batch-throttle-qps',
  ),
  ...none<Settings>('files that were put aside are kept as they are', 'audit-log-compress'),
  ...none<Settings>(
    'events are sent as JSON of audit.k8s.io/v1, in batches of which one is under way at a time',
    'audit-webhook-mode audit-webhook-version audit-webhook-batch-throttle-burst ' +
      'audit-webhook-batch-throttle-enable audit-webhook-batch-throttle-qps',
  ),
  ...none<Settings>(
    'events are never cut',
    'audit-log-truncate-enabled audit-log-truncate-max-batch-size ' +
      'audit-log-truncate-max-event-size audit-webhook-truncate-enabled ' +
      'audit-webhook-truncate-max-batch-size audit-webhook-truncate-max-event-size',
  ),
];

/**
 * The audit that is left when all is said: none without a policy, no part of it without a place to
 * write to.
 */
export function settledAudit(
  { audit: said, ...settings }: Settings,
  warn: (line: string) => void,
): Settings {
  if (!said) return settings;
  const silent = (why: string): void => warn(`--kube-apiserver-arg: ${why}`);
  if (!said.policyFile) {
    silent(
      'nothing is audited without audit-policy-file; the other audit arguments have no effect',
    );
    return settings;
  }
  const { policyFile } = said;
  const file = said.log?.path ? said.log : undefined;
  const hook = said.webhook?.configFile ? said.webhook : undefined;
  if (!file && !hook) {
    silent(
      'audit-policy-file has no effect: there is neither audit-log-path nor ' +
        'audit-webhook-config-file for the events',
    );
    return settings;
  }
  if (said.log && !file)
    silent(
      'audit-log-maxsize, audit-log-maxbackup and audit-log-maxage have no effect without ' +
        'audit-log-path',
    );
  if (said.webhook && !hook)
    silent('the other audit-webhook arguments have no effect without audit-webhook-config-file');
  return {
    ...settings,
    audit: { policyFile, ...(file && { log: file }), ...(hook && { webhook: hook }) },
  };
}
