import { describe, expect, test } from 'vitest';
import type { OwnerReference } from '../../api/generated/types/meta-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { partOf } from '../../base/testing/part-of.ts';
import { refs } from '../../client/refs.ts';
import { seededRandom } from '../../io/random.ts';
import { testSeed } from '../../io/test-seed.ts';
import { Outcome } from '../kit/carry-out.ts';
import { writesOf, type Plan } from '../kit/write.ts';
import type { GraphNode } from './graph.ts';
import {
  concludeRelease,
  planCollect,
  planRelease,
  type CollectView,
  type Owners,
} from './plan.ts';

const random = seededRandom(testSeed());
const ref = refs.configMaps;
const owner = (uid: string, blockOwnerDeletion = false): OwnerReference => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  name: uid,
  uid,
  blockOwnerDeletion,
});
const object = (metadata: Partial<KubeObject['metadata']>): KubeObject =>
  partOf<KubeObject>({
    metadata: { name: 'd', namespace: 'n', uid: 'd', resourceVersion: '7', ...metadata },
  });
const nodeOf = (more: Partial<GraphNode> = {}): GraphNode => ({
  uid: 'd',
  ref,
  group: '',
  kind: 'ConfigMap',
  namespace: 'n',
  name: 'd',
  owners: [],
  dependents: new Set(),
  beingDeleted: false,
  deletingDependents: false,
  virtual: false,
  ...more,
});
/** What a plan does to the one object: what it deletes how, and which owners it leaves. */
const effect = (plan: Plan): unknown[] =>
  writesOf(plan).map((w) => {
    if (w.verb === 'delete') return w.options?.propagationPolicy;
    const { metadata } = (w as { patch: { body: unknown } }).patch.body as KubeObject;
    return metadata.ownerReferences?.map((o) => o.uid) ?? metadata.finalizers;
  });

const drawn = (): { owners: Owners; all: OwnerReference[] } => {
  const owners: Owners = { solid: [], dangling: [], waiting: [] };
  const all = Array.from({ length: random.int(5) }, (_, i) => owner(`o${i}`, random.int(2) === 0));
  for (const reference of all)
    owners[(['solid', 'dangling', 'waiting'] as const)[random.int(3)]!].push(reference);
  return { owners, all };
};

test('an object stays exactly while an owner does, and names then only owners that stay', () => {
  for (let i = 0; i < 1000; i++) {
    const { owners, all } = drawn();
    const latest = object({ ownerReferences: all });
    const view: CollectView = { node: nodeOf(), ref, latest, owners, blocking: [] };
    const plan = planCollect(view);
    const staying = owners.solid.map((o) => o.uid);
    if (all.length === 0 || staying.length === all.length) expect(effect(plan)).toEqual([]);
    else if (staying.length > 0) expect(effect(plan)).toEqual([staying.sort()]);
    else expect(effect(plan)).toEqual(['Background']);
    // Whatever is written is about this very version.
    for (const w of writesOf(plan))
      expect(w).toMatchObject(
        w.verb === 'delete'
          ? { options: { preconditions: { uid: 'd', resourceVersion: '7' } } }
          : { patch: { body: { metadata: { uid: 'd', resourceVersion: '7' } } } },
      );
  }
});

describe('an object whose owner is deleted in the foreground', () => {
  const view = (dependents: GraphNode[]): CollectView => ({
    node: nodeOf({ dependents: new Set(dependents) }),
    ref,
    latest: object({ ownerReferences: [owner('o', true)] }),
    owners: { solid: [], dangling: [], waiting: [owner('o', true)] },
    blocking: [],
  });

  test('goes in the foreground when it has dependents of its own', () => {
    expect(effect(planCollect(view([nodeOf({ uid: 'x' })])))).toEqual(['Foreground']);
  });

  test('stops blocking it when they form a circle', () => {
    const plan = planCollect(view([nodeOf({ uid: 'x', deletingDependents: true })]));
    expect(effect(plan)).toEqual([['o'], 'Foreground']);
    expect(writesOf(plan)[0]).toMatchObject({
      patch: { body: { metadata: { ownerReferences: [{ blockOwnerDeletion: false }] } } },
    });
  });
});

test('what is deleted in the foreground loses its finalizer when nothing blocks it', () => {
  const latest = object({ finalizers: ['a', 'foregroundDeletion'] });
  const node = nodeOf({ deletingDependents: true });
  const none: Owners = { solid: [], dangling: [], waiting: [] };
  const of = (blocking: GraphNode[]): unknown[] =>
    effect(planCollect({ node, ref, latest, owners: none, blocking }));
  expect(of([nodeOf({ uid: 'x' })])).toEqual([]);
  expect(of([])).toEqual([['a']]);
});

test('the deletion keeps to what the finalizers of the object ask for', () => {
  const owners: Owners = { solid: [], dangling: [owner('o')], waiting: [] };
  const of = (finalizers: string[]): unknown[] => {
    const latest = object({ ownerReferences: [owner('o')], finalizers });
    return effect(planCollect({ node: nodeOf(), ref, latest, owners, blocking: [] }));
  };
  expect(of(['orphan'])).toEqual(['Orphan']);
  expect(of(['foregroundDeletion'])).toEqual(['Foreground']);
  expect(of(['example.com/x'])).toEqual(['Background']);
});

test('an owner lets go of all dependents that name it, and goes when all are written', () => {
  for (let i = 0; i < 200; i++) {
    const named = Array.from({ length: random.int(120) }, () => random.int(3) > 0);
    const dependents = named.map((isNamed, at) => ({
      ref,
      latest: object({
        name: `d${at}`,
        ownerReferences: [owner('other'), ...(isNamed ? [owner('o')] : [])],
      }),
    }));
    const latest = object({ uid: 'o', finalizers: ['orphan'] });
    const view = { ref, uid: 'o', dependents, latest };
    const plan = planRelease(view);
    expect(effect(plan)).toEqual(named.filter(Boolean).map(() => ['other']));
    expect(effect(concludeRelease(view, new Outcome()))).toEqual([[]]);
    const failed = new Outcome();
    const [write] = writesOf(plan);
    if (!write) continue;
    failed.fail(write, new Error('conflict'));
    expect(concludeRelease(view, failed).steps).toEqual([]);
  }
});
