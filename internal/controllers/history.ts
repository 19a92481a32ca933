import { at } from '../api/loose.ts';
import { equalAs } from '../api/equality.ts';
import type { ControllerRevision } from '../api/generated/types/apps-v1.ts';
import type { PodTemplateSpec } from '../api/generated/types/core-v1.ts';
import type { ObjectMeta } from '../api/generated/types/meta-v1.ts';
import type { ResourceRef } from '../api/object.ts';
import type { LabelSelector as LabelSelectorObject } from '../api/generated/types/meta-v1.ts';
import { refs } from '../client/refs.ts';
import { msOf } from '../api/times.ts';
import type { Write } from './kit/write.ts';
import { controllerOf, controllerRef } from './owners.ts';
import { templateHash } from './template-hash.ts';

type Owner = {
  metadata: ObjectMeta;
  spec: { selector?: LabelSelectorObject; template: PodTemplateSpec };
};

/** What the plan of a history is made from (k/k pkg/controller/history). */
export interface HistoryView {
  owner: Owner;
  ownerRef: ResourceRef;
  hashLabel: string;
  /** The owner's revisions. */
  revisions: ControllerRevision[];
  /** The object of this name in the owner's namespace. */
  named(name: string): ControllerRevision | undefined;
  collisionCount: number;
}

export interface HistoryPlan {
  /** The revision of the present template, as it is or as it is about to be. */
  current: ControllerRevision;
  /** Oldest first, the current one last. */
  list: ControllerRevision[];
  /** Counted up when a stranger has the name: the next name differs. */
  collisionCount: number;
  /** Makes the current revision or moves it to the top, where that is needed. */
  writes: Write[];
}

/** Keeps the present template of a StatefulSet or DaemonSet as a ControllerRevision. */
export function planHistory(v: HistoryView): HistoryPlan {
  const list = [...v.revisions].sort(byRevision);
  const { collisionCount } = v;
  const data = revisionData(v.owner.spec.template);
  const next = (list.at(-1)?.revision ?? 0) + 1;
  const found = list.filter((r) => isOf(r, data)).at(-1);
  if (found && found === list.at(-1)) return { current: found, list, collisionCount, writes: [] };
  if (found) {
    const moved = { ...found, revision: next };
    const write: Write = { verb: 'update', ref: refs.controllerRevisions, object: moved };
    const others = list.filter((r) => r !== found);
    return { current: moved, list: [...others, moved], collisionCount, writes: [write] };
  }
  const made = creation(v, data, next);
  return { ...made, list: [...list.filter((r) => r !== made.current), made.current] };
}

function creation(v: HistoryView, data: object, revision: number): Omit<HistoryPlan, 'list'> {
  const { owner, ownerRef, hashLabel } = v;
  const { namespace, annotations } = owner.metadata;
  for (let { collisionCount } = v; ; collisionCount += 1) {
    const hash = templateHash(data, collisionCount);
    const name = `${owner.metadata.name!.slice(0, 223)}-${hash}`;
    const present = v.named(name);
    if (present && controllerOf(present)?.uid === owner.metadata.uid && isOf(present, data))
      return { current: present, collisionCount, writes: [] };
    if (present) continue;
    const metadata = {
      name,
      namespace,
      labels: { ...owner.spec.template.metadata?.labels, [hashLabel]: hash },
      ...(annotations ? { annotations } : {}),
      ownerReferences: [controllerRef(ownerRef, owner)],
    };
    const object = { metadata, data, revision };
    const current = object as ControllerRevision;
    const write: Write = { verb: 'create', ref: refs.controllerRevisions, object };
    return { current, collisionCount, writes: [write] };
  }
}

/** Deletes the oldest revisions that are not in use, beyond `limit`. */
export function planTruncation(
  list: ControllerRevision[],
  live: Set<string>,
  limit: number,
): Write[] {
  const unused = list.filter((r) => !live.has(r.metadata.name!));
  return unused
    .slice(0, Math.max(0, unused.length - limit))
    .map((object) => ({ verb: 'delete', ref: refs.controllerRevisions, object }));
}

function byRevision(a: ControllerRevision, b: ControllerRevision): number {
  return (
    a.revision - b.revision ||
    msOf(a.metadata.creationTimestamp) - msOf(b.metadata.creationTimestamp) ||
    (a.metadata.name! < b.metadata.name! ? -1 : 1)
  );
}

/**
 * The form kubectl rollout undo expects: a strategic merge patch that replaces the template. The
 * keys are sorted, because Go's tools compare the text with one that they encode from maps.
 */
/**
 * Whether a revision keeps this template; one made by an older server may say the same otherwise.
 */
function isOf(revision: ControllerRevision, data: object): boolean {
  return equalAs('@core.v1.PodTemplateSpec', templateIn(revision.data), templateIn(data));
}

const templateIn = (data: unknown): unknown => at(data, 'spec.template');

export function revisionData(template: PodTemplateSpec): object {
  return sorted({ spec: { template: { ...template, $patch: 'replace' } } }) as object;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}

export function templateOf(revision: ControllerRevision): PodTemplateSpec {
  const { $patch: _patch, ...template } = (
    revision.data as { spec: { template: PodTemplateSpec & { $patch?: string } } }
  ).spec.template;
  return template as PodTemplateSpec;
}
