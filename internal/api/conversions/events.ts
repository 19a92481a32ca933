import type { Conversion } from '../kinds/kind.ts';
import { asObject, fieldsOf, type KubeObject } from '../object.ts';
import { compact } from './compact.ts';

type Values = Record<string, unknown>;

const eventNames: [core: string, events: string][] = [
  ['involvedObject', 'regarding'],
  ['message', 'note'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
  ['reportingComponent', 'reportingController'],
];
const sameNames = [
  'reason',
  'type',
  'eventTime',
  'series',
  'action',
  'related',
  'reportingInstance',
];

function renamed(object: KubeObject, from: 0 | 1, apiVersion: string): KubeObject {
  const to = from === 0 ? 1 : 0;
  const out: Values = { kind: 'Event', apiVersion, metadata: object.metadata };
  for (const names of eventNames) out[names[to]] = fieldsOf(object)[names[from]];
  for (const name of sameNames) out[name] = fieldsOf(object)[name];
  return asObject(compact(out));
}

/** events.k8s.io/v1 is core/v1 under other names (pkg/apis/events/v1 conversion). */
export const coreEvents: Conversion = {
  toStorage: (object) => {
    const core = fieldsOf(renamed(object, 1, 'v1'));
    core['involvedObject'] ??= {};
    core['source'] ??= {};
    core['firstTimestamp'] ??= null;
    core['lastTimestamp'] ??= null;
    core['reportingComponent'] ??= '';
    core['reportingInstance'] ??= '';
    return asObject(core);
  },
  fromStorage: (object) => {
    const own = fieldsOf(renamed(object, 0, 'events.k8s.io/v1'));
    own['eventTime'] ??= null;
    return asObject(own);
  },
};
