import type { KubeObject } from '../api/object.ts';
import { ConfigError } from '../base/errors.ts';

/** What the server answers to a GET with `?history`. */
export interface ObjectHistory {
  /** The server's time. */
  now: string;
  /** What was before is no longer kept. */
  since: number;
  /** The oldest first; without an object it was deleted. */
  items: Version[];
}

export interface Version {
  revision: number;
  object?: KubeObject;
}

export type Change = 'first kept' | 'created' | 'deleted' | 'status' | 'changed' | 'ends';

const op = 'history';

type Fields = Record<string, unknown>;

/** The server says who wrote and when; an undo leaves that out. */
const serverFields = [
  'managedFields',
  'resourceVersion',
  'generation',
  'uid',
  'creationTimestamp',
  'selfLink',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
];

/** Notes that controllers make for themselves after each change of somebody else. */
const controllersNotes = [
  'deployment.kubernetes.io/revision',
  'deprecated.daemonset.template.generation',
  'endpoints.kubernetes.io/last-change-trigger-time',
  'control-plane.alpha.kubernetes.io/leader',
];

/**
 * What somebody wanted: all but the status, and what server and controllers write of themselves.
 */
export function contentOf(object: KubeObject): KubeObject {
  const { status: _status, metadata, ...rest } = object as KubeObject & { status?: unknown };
  const { annotations, ...own } = Object.fromEntries(
    Object.entries(metadata).filter(([name]) => !serverFields.includes(name)),
  ) as KubeObject['metadata'];
  const kept = Object.entries(annotations ?? {}).filter(
    ([name]) => !controllersNotes.includes(name),
  );
  return {
    ...rest,
    metadata: { ...own, ...(kept.length > 0 && { annotations: Object.fromEntries(kept) }) },
  };
}

const isMap = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export function same(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((one, i) => same(one, b[i]));
  if (!isMap(a) || !isMap(b)) return a === b;
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].every((name) => same(a[name], b[name]));
}

const deepest = 3;

/** The fields that differ, as dotted paths of a bounded depth. */
export function changedPaths(before: unknown, after: unknown, path: string[] = []): string[] {
  if (same(before, after)) return [];
  if (path.length === deepest || !isMap(before) || !isMap(after)) return [path.join('.')];
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((name) => changedPaths(before[name], after[name], [...path, name]));
}

/** How a version came from the one before it. */
export function changeOf(before: Version | undefined, version: Version, first: boolean): Change {
  if (!version.object) return 'deleted';
  if (!before) return first ? 'first kept' : 'created';
  if (!before.object || before.object.metadata.uid !== version.object.metadata.uid)
    return 'created';
  if (version.object.metadata.deletionTimestamp && !before.object.metadata.deletionTimestamp)
    return 'ends';
  return same(contentOf(before.object), contentOf(version.object)) ? 'status' : 'changed';
}

interface Entry {
  manager?: string;
  time?: string;
}

/**
 * Who wrote a version, and when, as far as it says so itself: times are whole seconds, so whoever
 * was not in the one before goes first.
 */
export function writtenBy(
  { metadata }: KubeObject,
  previous?: KubeObject,
): { manager: string; atMs: number | undefined } {
  const entries = (metadata.managedFields ?? []) as Entry[];
  const known = (previous?.metadata.managedFields ?? []) as Entry[];
  const fresh = entries.filter(
    ({ manager, time }) => !known.some((one) => one.manager === manager && one.time === time),
  );
  const newest = (fresh.length ? fresh : entries)
    .filter(({ time }) => time !== undefined)
    .toSorted((a, b) => Date.parse(b.time ?? '') - Date.parse(a.time ?? ''))[0];
  const times = [newest?.time, metadata.creationTimestamp, metadata.deletionTimestamp]
    .map((time) => Date.parse(String(time ?? '')))
    .filter((time) => !Number.isNaN(time));
  return { manager: newest?.manager ?? '-', atMs: times.length ? Math.max(...times) : undefined };
}

const compacted = (history: ObjectHistory, what: string): ConfigError =>
  new ConfigError(
    `${what} is no longer kept: the datastore has compacted all before revision ${history.since}`,
    { op, hint: 'servers keep more with --kube-apiserver-arg=etcd-compaction-interval=1h' },
  );

/** The object as it was at a revision; undefined = it was not there. */
export function atRevision(history: ObjectHistory, revision: number): Version | undefined {
  const version = history.items.findLast((one) => one.revision <= revision);
  if (!version && revision < history.since) throw compacted(history, `revision ${revision}`);
  return version?.object ? version : undefined;
}

/**
 * The object as it was so long ago. Of a deletion nobody knows the time: what was there before it
 * counts.
 */
export function before(history: ObjectHistory, agoMs: number): Version | undefined {
  const limit = Date.parse(history.now) - agoMs;
  const known = history.items.filter(({ object }) => object && !object.metadata.deletionTimestamp);
  const version = known.findLast(({ object }) => (writtenBy(object!).atMs ?? 0) <= limit);
  if (version) return version;
  // The oldest that is known has come later: made then, or only written then?
  const [oldest] = history.items;
  const made = Date.parse(String(oldest?.object?.metadata.creationTimestamp));
  if (made > limit) return undefined;
  throw compacted(history, 'what it was then');
}

/** The version before the last change that was more than one of its status. */
export function beforeLast(history: ObjectHistory): Version | undefined {
  const whole = history.items.filter(({ object }) => !object?.metadata.deletionTimestamp);
  const now = whole.at(-1);
  const now_ = now?.object && contentOf(now.object);
  return whole.findLast(({ object }) => object && !(now_ && same(contentOf(object), now_)));
}

/** What is written to bring a version back, in the place of what is there now. */
export function restored(version: KubeObject, now: KubeObject | undefined): KubeObject {
  const content = contentOf(version);
  if (!now) return content;
  const { uid, resourceVersion } = now.metadata;
  const notes = Object.entries(now.metadata.annotations ?? {}).filter(([name]) =>
    controllersNotes.includes(name),
  );
  const annotations = { ...content.metadata.annotations, ...Object.fromEntries(notes) };
  const { status } = now as KubeObject & { status?: unknown };
  return {
    ...content,
    metadata: {
      ...content.metadata,
      ...(Object.keys(annotations).length > 0 && { annotations }),
      uid,
      resourceVersion,
    },
    ...(status !== undefined && { status }),
  } as KubeObject;
}
