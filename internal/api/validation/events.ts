import { table } from '../../base/own.ts';
import { fieldsOf, type KubeObject } from '../object.ts';
import { dictOf, numberOf, textOf } from '../loose.ts';
import type { Dict } from '../loose.ts';
import { dns1123Subdomain, qualifiedName } from '../names.ts';
import { checkMetadata, checkMetadataUpdate } from './metadata.ts';
import type { Problems } from './problems.ts';
import type { Rule } from './rule.ts';

const shortText = 128;
const longText = 1024;

/**
 * Names of an event's fields in core/v1, and the ones messages show, which are the same but for
 * one.
 */
const coreNames: Readonly<Record<string, string>> = table({
  reportingController: 'reportingComponent',
});
/** The same fields in events.k8s.io/v1. */
const newNames: Readonly<Record<string, string>> = table({
  involvedObject: 'regarding',
  message: 'note',
  source: 'deprecatedSource',
  firstTimestamp: 'deprecatedFirstTimestamp',
  lastTimestamp: 'deprecatedLastTimestamp',
  count: 'deprecatedCount',
});

type Names = Readonly<Record<string, string>>;
const read = (event: KubeObject, names: Names, field: string): unknown =>
  fieldsOf(event)[names[field] ?? field];

function checkMost(problems: Problems, event: KubeObject, names: Names): void {
  const object = dictOf(read(event, names, 'involvedObject'));
  const [about, own] = [textOf(object['namespace']), event.metadata.namespace ?? ''];
  const differs = (): void =>
    problems.invalid('involvedObject.namespace', about, 'does not match event.namespace');
  if (!fieldsOf(event)['eventTime']) {
    if (about ? about !== own : own && own !== 'default') differs();
  } else {
    if (!about && own !== 'default' && own !== 'kube-system') differs();
    checkReport(problems, event, names);
  }
  problems.check('namespace', own, dns1123Subdomain);
}

function checkReport(problems: Problems, event: KubeObject, names: Names): void {
  const controller = textOf(read(event, names, 'reportingController'));
  const field = names === coreNames ? 'reportingComponent' : 'reportingController';
  if (!controller) problems.required(field);
  problems.check(field, controller, qualifiedName);
  for (const name of ['reportingInstance', 'action', 'reason']) {
    const value = textOf(fieldsOf(event)[name]);
    if (!value) problems.required(name);
    if (value.length > shortText)
      problems.invalid(name, '', `can have at most ${shortText} characters`);
  }
  if (textOf(read(event, names, 'message')).length > longText)
    problems.invalid('message', '', `can have at most ${longText} characters`);
}

/** Events of core/v1 are judged by little: old clients write them. */
export const coreEvent: Rule<KubeObject> = {
  name: dns1123Subdomain,
  create: (problems, event) => checkMost(problems, event, coreNames),
  update: (problems, event) => checkMost(problems, event, coreNames),
};

function checkSeries(problems: Problems, series: unknown): void {
  if (!series) return;
  const { count, lastObservedTime } = series as Dict;
  if (numberOf(count) < 2) problems.invalid('series.count', '', 'should be at least 2');
  if (!lastObservedTime) problems.required('series.lastObservedTime');
}

const fixed = [
  'involvedObject',
  'reason',
  'message',
  'source',
  'firstTimestamp',
  'lastTimestamp',
  'count',
  'reason',
  'type',
  'eventTime',
  'action',
  'related',
  'reportingController',
  'reportingInstance',
];

export const event: Rule<KubeObject> = {
  name: dns1123Subdomain,
  create(problems, object) {
    checkMost(problems, object, newNames);
    checkMetadata(problems, object.metadata, { namespaced: true, name: dns1123Subdomain });
    checkSeries(problems, fieldsOf(object)['series']);
    if (!fieldsOf(object)['eventTime']) problems.required('eventTime');
    const type = textOf(fieldsOf(object)['type']);
    if (type !== 'Normal' && type !== 'Warning')
      problems.invalid('type', '', `has invalid value: ${type}`);
    for (const field of ['firstTimestamp', 'lastTimestamp', 'count'])
      if (read(object, newNames, field)) problems.invalid(field, '', 'needs to be unset');
    const source = dictOf(read(object, newNames, 'source'));
    if (source['component'] || source['host']) problems.invalid('source', '', 'needs to be unset');
  },
  update(problems, object, old) {
    checkMost(problems, object, newNames);
    checkMetadataUpdate(problems, object.metadata, old.metadata);
    if (JSON.stringify(fieldsOf(object)['series']) !== JSON.stringify(fieldsOf(old)['series']))
      checkSeries(problems, fieldsOf(object)['series']);
    for (const field of fixed)
      problems.immutable(field, read(object, newNames, field), read(old, newNames, field));
  },
};
