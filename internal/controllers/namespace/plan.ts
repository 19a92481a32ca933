import type { Namespace, Pod } from '../../api/generated/types/core-v1.ts';
import type { KubeObject, ResourceRef } from '../../api/object.ts';
import { msOf } from '../../api/times.ts';
import { messageOf } from '../../base/errors.ts';
import { refs } from '../../client/refs.ts';
import type { Outcome } from '../kit/carry-out.ts';
import { nothing, type Plan, type Write, type Written } from '../kit/write.ts';
import { isFinished } from '../pod-facts.ts';
import { deletionConditions, type Remains } from './conditions.ts';

/** How long finalizers are thought to take when nothing better is known (upstream's figure). */
const finalizerEstimateSeconds = 15;
/** Content that no event tells us about is looked for again after at most this long. */
const longestRecheckMs = 5_000;

/** What a namespace still holds of one kind. */
export interface Content {
  ref: ResourceRef;
  /** Perhaps not all, while some of them have not been asked to go. */
  items: KubeObject[];
  /** How often in a row they were asked to go: at once, then one by one, then they are waited for. */
  asked: number;
}

export interface NamespaceView {
  namespace: Namespace;
  /** Kinds that hold something. */
  contents: Content[];
  /** Kinds that could not be listed. */
  errors: string[];
  /** Pods are left: other content, which may bind them, has not been looked at. */
  podsOnly: boolean;
  nowMs: number;
}

/** Asks what is there to go; what was asked already is waited for. */
export function planTermination({ namespace, contents }: NamespaceView): Plan {
  const phase: Write[] =
    namespace.status?.phase === 'Terminating'
      ? []
      : [statusOf(namespace, { ...namespace.status, phase: 'Terminating' })];
  const deletions = contents.flatMap((content) => deletionsOf(namespace, content));
  return { steps: [...phase, { pace: 'together', writes: deletions, goOn: true }] };
}

/** Pods are deleted first and, when the last is gone, everything else (KEP-5080). */
export function concludeTermination(view: NamespaceView, outcome: Outcome): Plan {
  const { contents, podsOnly, nowMs } = view;
  const refused = outcome.failures.filter(({ write }) => write.ref !== refs.namespaces);
  if (outcome.failures.length > refused.length) return nothing; // the phase comes first
  const errors = [...view.errors, ...refused.map(({ error }) => messageOf(error))];
  const isAsking = contents.some(hasMoreToAsk);
  // What was asked to go just now may be gone: the next pass counts what is not.
  if (isAsking && errors.length === 0) return { steps: [], againInMs: 0 };
  const namespace = latestOf(view.namespace, outcome);
  const remains = remainsOf(contents, errors);
  const before = namespace.status?.conditions ?? [];
  const conditions = deletionConditions(before, remains, podsOnly, nowMs);
  const next = { ...namespace.status, conditions: conditions ?? before };
  if (errors.length > 0)
    return { steps: conditions ? [statusOf(namespace, next)] : [], failure: errors.join('; ') };
  if (contents.length > 0)
    return {
      steps: conditions ? [statusOf(namespace, next)] : [],
      againInMs: Math.min((estimateSeconds(view) / 2 + 1) * 1000, longestRecheckMs),
    };
  // The change of the status brings the namespace again, and finds nothing more to say.
  if (conditions) return { steps: [statusOf(namespace, next)] };
  const finalizers = (namespace.spec?.finalizers ?? []).filter((f) => f !== 'kubernetes');
  const object = { ...namespace, spec: { ...namespace.spec, finalizers } };
  return { steps: [{ verb: 'update', ref: refs.namespaces, object, subresource: 'finalize' }] };
}

/** How often each kind will have been asked when this pass is over. */
export function askedAfter({ contents }: NamespaceView): Map<ResourceRef, number> {
  return new Map(contents.filter(hasMoreToAsk).map(({ ref, asked }) => [ref, asked + 1]));
}

const isAsked = (item: KubeObject): boolean => item.metadata.deletionTimestamp !== undefined;
const hasMoreToAsk = ({ items, asked }: Content): boolean => asked < 2 && !items.every(isAsked);

function deletionsOf(namespace: Namespace, content: Content): Write[] {
  if (!hasMoreToAsk(content)) return [];
  const { ref, items, asked } = content;
  const options = { propagationPolicy: 'Background' as const };
  if (asked > 0)
    return items
      .filter((item) => !isAsked(item))
      .map((object) => ({ verb: 'delete', ref, object, options }));
  // Not every server behind the aggregator can: the next pass asks them one by one.
  const object: Written = { metadata: { namespace: namespace.metadata.name } };
  return [{ verb: 'deleteCollection', ref, object, options, forgives: ['MethodNotAllowed'] }];
}

function statusOf(namespace: Namespace, status: Namespace['status']): Write {
  const object = { ...namespace, status };
  return { verb: 'update', ref: refs.namespaces, object, subresource: 'status' };
}

function latestOf(namespace: Namespace, outcome: Outcome): Namespace {
  const [written] = outcome.updated();
  return written ? (written as Namespace) : namespace;
}

function remainsOf(contents: Content[], errors: string[]): Remains {
  const remains: Remains = { resources: new Map(), finalizers: new Map(), errors };
  for (const { ref, items } of contents) {
    remains.resources.set(`${ref.resource}.${ref.group}`, items.length);
    for (const f of items.flatMap((i) => i.metadata.finalizers ?? []))
      remains.finalizers.set(f, (remains.finalizers.get(f) ?? 0) + 1);
  }
  return remains;
}

function estimateSeconds({ namespace, contents, podsOnly, nowMs }: NamespaceView): number {
  const hasFinalizers = contents.some(({ items }) =>
    items.some((i) => (i.metadata.finalizers ?? []).length > 0),
  );
  const pods = podsOnly ? contents.flatMap(({ items }) => items as Pod[]) : [];
  const elapsedMs = nowMs - msOf(namespace.metadata.deletionTimestamp);
  return Math.max(graceSeconds(pods, elapsedMs), hasFinalizers ? finalizerEstimateSeconds : 0);
}

function graceSeconds(pods: Pod[], elapsedMs: number): number {
  const longest = Math.max(
    0,
    ...pods.filter((p) => !isFinished(p)).map((p) => p.spec.terminationGracePeriodSeconds ?? 0),
  );
  return elapsedMs >= longest * 1000 ? 0 : longest;
}
