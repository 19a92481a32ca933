import { describe, expect, test } from 'vitest';
import type { Node, Pod, ResourceQuota, Secret } from '../api/generated/types/core-v1.ts';
import type { ServiceCIDR } from '../api/generated/types/networking-v1.ts';
import { timeOf } from '../api/times.ts';
import { partOf } from '../base/testing/part-of.ts';
import { refs } from '../client/refs.ts';
import { seededRandom } from '../io/random.ts';
import { testSeed } from '../io/test-seed.ts';
import { planToken } from './bootstrap/token-cleaner.ts';
import { Outcome } from './kit/carry-out.ts';
import { nothing, writesOf, type Plan } from './kit/write.ts';
import { planRange as planPodRange } from './nodeipam/node-ipam.ts';
import { concludeNode, planSilence } from './nodelifecycle/node-lifecycle.ts';
import { planPodGc } from './podgc/pod-gc.ts';
import { planQuota } from './resourcequota/resource-quota.ts';
import { concludeRange, planRange } from './servicecidrs/service-cidrs.ts';
import { planEviction, type EvictionView } from './tainteviction/taint-eviction.ts';

const nowMs = Date.UTC(2026, 0, 2);
const random = seededRandom(testSeed());
const some = <T>(of: readonly T[]): T => of[random.int(of.length)]!;
const times = 300;
const verbs = (plan: Plan): string[] => writesOf(plan).map((w) => w.verb);

const pod = (more: object = {}): Pod =>
  partOf<Pod>({
    metadata: { namespace: 'n', name: 'p', uid: 'u', creationTimestamp: timeOf(nowMs) },
    spec: { nodeName: 'one', containers: [] },
    status: { phase: 'Running' },
    ...more,
  });

test('a bootstrap token stays until its end, and goes then', () => {
  for (let i = 0; i < times; i++) {
    const endMs = nowMs + (random.int(2000) - 1000) * 1000;
    const expiration = Buffer.from(timeOf(endMs)).toString('base64');
    const secret = partOf<Secret>({ metadata: { name: 's' }, data: { expiration } as never });
    const plan = planToken({ secret, nowMs });
    expect(verbs(plan)).toEqual(endMs > nowMs ? [] : ['delete']);
    const atEnd = planToken({ secret, nowMs: nowMs + (plan.againInMs ?? 0) });
    expect(verbs(atEnd)).toEqual(['delete']);
  }
});

describe('taint eviction', () => {
  const view = (): EvictionView => {
    const seconds = random.int(600);
    const taint = (key: string) => ({ key, effect: 'NoExecute', timeAdded: timeOf(nowMs) });
    const toleration = { key: 'a', operator: 'Exists', effect: 'NoExecute' };
    const tolerations = [
      [],
      [toleration],
      [{ ...toleration, tolerationSeconds: seconds }],
      [
        { ...toleration, tolerationSeconds: seconds },
        { ...toleration, key: 'b' },
      ],
    ];
    return {
      pod: pod({ spec: { nodeName: 'one', containers: [], tolerations: some(tolerations) } }),
      taints: some([[], [taint('a')], [taint('a'), taint('b')]]),
      ...{ nowMs, monotonicMs: 5_000_000 },
      since: some([undefined, 5_000_000 - random.int(600_000)]),
    };
  };

  test('never comes before the time that a pod tolerates, and comes then', () => {
    for (let i = 0; i < times; i++) {
      const now = view();
      const plan = planEviction(now);
      const tolerations = now.pod.spec.tolerations ?? [];
      const tolerates = now.taints.every((t) => tolerations.some((own) => own.key === t.key));
      const bound = tolerations[0]?.tolerationSeconds;
      const forEver = tolerates && (now.taints.length === 0 || bound === undefined);
      if (forEver) {
        expect([verbs(plan), plan.againInMs]).toEqual([[], undefined]);
        expect(plan.steps).toHaveLength(now.since === undefined ? 0 : 1);
        continue;
      }
      const dueMs = tolerates ? (now.since ?? now.monotonicMs) + bound! * 1000 : 0;
      if (dueMs > now.monotonicMs) {
        expect([verbs(plan), plan.againInMs]).toEqual([[], dueMs - now.monotonicMs]);
        const since = now.since ?? now.monotonicMs;
        const later = { ...now, since, monotonicMs: dueMs };
        expect(verbs(planEviction(later))).toEqual(['patch', 'delete']);
      } else expect(verbs(plan)).toEqual(['patch', 'delete']);
    }
  });
});

describe('pods that nobody else takes away', () => {
  test('of the finished ones the newest stay, as many as may', () => {
    for (let i = 0; i < 50; i++) {
      const pods = Array.from({ length: random.int(8) }, (_, n) =>
        pod({
          metadata: { name: `p${n}`, uid: `u${n}`, creationTimestamp: timeOf(random.int(1e9)) },
          status: { phase: 'Succeeded' },
        }),
      );
      const most = random.int(8);
      const gone = writesOf(planPodGc({ pods, most, nowMs })).map((w) => w.object as Pod);
      expect(gone).toHaveLength(Math.max(0, pods.length - most));
      const stay = pods.filter((p) => !gone.includes(p)).map((p) => p.metadata.creationTimestamp!);
      for (const one of gone)
        for (const time of stay) expect(one.metadata.creationTimestamp! <= time).toBe(true);
    }
  });

  test('a pod of a node that is there stays, unless deleted while that is out of service', () => {
    const outTaint = { key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' };
    for (let i = 0; i < times; i++) {
      const [deleted, out, ready] = [some([true, false]), some([true, false]), some(['True', 'x'])];
      const node = partOf<Node>({
        spec: { taints: out ? [outTaint] : [] },
        status: { conditions: [{ type: 'Ready', status: ready }] },
      });
      const deletionTimestamp = deleted ? timeOf(nowMs) : undefined;
      const one = pod({ metadata: { name: 'p', uid: 'u', deletionTimestamp } });
      const goes = deleted && out && ready !== 'True';
      expect(verbs(planPodGc({ pods: [one], nowMs, node }))).toEqual(
        goes ? ['patch', 'delete'] : [],
      );
    }
  });

  test('a lost node is waited for, and then its pods go', () => {
    const pods = [pod()];
    expect(planPodGc({ pods, nowMs, waitMs: 7 })).toEqual({ steps: [], againInMs: 7 });
    expect(planPodGc({ pods, nowMs, lost: false })).toEqual(nothing);
    expect(verbs(planPodGc({ pods, nowMs, lost: true }))).toEqual(['patch', 'delete']);
  });
});

describe('the life of nodes', () => {
  const node = (status: string, taints: object[] = []): Node =>
    partOf<Node>({
      metadata: { name: 'one', uid: 'n', resourceVersion: '5' },
      spec: { taints: taints as never },
      status: { conditions: [{ type: 'Ready', status }] },
    });
  const ready = pod({ status: { conditions: [{ type: 'Ready', status: 'True' }] } });

  test('it is silent when its time is over, not before; then it is tainted', () => {
    for (let i = 0; i < times; i++) {
      const leftMs = random.int(40_000) - 20_000;
      const view = { node: node(some(['True', 'False'])), nowMs, leftMs, pods: [ready] };
      const plan = planSilence(view);
      if (leftMs > 0) {
        expect(plan).toEqual({ steps: [], againInMs: leftMs });
        continue;
      }
      const [write] = writesOf(plan);
      const outcome = new Outcome();
      const written = {
        ...(write!.object as Node),
        metadata: { name: 'one', resourceVersion: '6' },
      };
      outcome.add(write!, written);
      expect(planSilence({ ...view, node: written })).toEqual(nothing);
      const [taint, told] = writesOf(concludeNode(view, outcome, plan));
      expect(taint).toMatchObject({
        ref: refs.nodes,
        patch: { body: { metadata: { resourceVersion: '6' } } },
      });
      expect(told).toMatchObject({ ref: refs.pods, object: ready });
    }
  });

  test('a refused or needless write leads to nothing', () => {
    const view = { node: node('True'), nowMs, leftMs: -1, pods: [ready] };
    const plan = planSilence(view);
    const [write] = writesOf(plan);
    const refused = new Outcome();
    refused.fail(write!, new Error('no'));
    expect(concludeNode(view, refused, plan)).toEqual(nothing);
    const gone = new Outcome();
    gone.add(write!, write!.object as Node);
    expect(concludeNode(view, gone, plan)).toEqual(nothing);
    const well = { ...view, leftMs: 5 };
    expect(concludeNode(well, new Outcome(), planSilence(well))).toEqual({ steps: [] });
  });
});

test('a range keeps its finalizer while an address needs it, and for its grace', () => {
  const finalizer = 'networking.k8s.io/service-cidr-finalizer';
  for (let i = 0; i < times; i++) {
    const [deleted, blocked, has] = [some([true, false]), some([true, false]), some([true, false])];
    const agoMs = random.int(20) * 1000;
    const range = partOf<ServiceCIDR>({
      metadata: {
        name: 'r',
        finalizers: has ? [finalizer] : ['other'],
        deletionTimestamp: deleted ? timeOf(nowMs - agoMs) : undefined,
      },
    });
    const view = { range, blocked, nowMs };
    const plan = planRange(view);
    const [write] = writesOf(plan);
    const after = (write?.object as ServiceCIDR | undefined)?.metadata.finalizers;
    if (!deleted) expect(after ?? range.metadata.finalizers).toContain(finalizer);
    else if (write) expect([has, blocked, agoMs >= 10_000]).toEqual([true, false, true]);
    expect(after?.includes('other') ?? !has).toBe(!has);
    const last = concludeRange(view, new Outcome(), plan);
    // What was not written yet is not judged.
    if (!deleted && !has) expect(last).toEqual(nothing);
  }
});

test('a quota is counted once: what was written needs no second write', () => {
  for (let i = 0; i < times; i++) {
    const list = Array.from({ length: random.int(6) }, (_, n) =>
      pod({
        kind: 'Pod',
        metadata: { name: `p${n}`, namespace: 'n' },
        status: { phase: some(['Running', 'Succeeded', 'Failed', 'Pending']) },
      }),
    );
    const quota = partOf<ResourceQuota>({
      metadata: { name: 'q', namespace: 'n' },
      spec: { hard: { pods: '3' } },
    });
    const objects = [{ ref: refs.pods, list: list as never }];
    const [write] = writesOf(planQuota({ quota, objects }));
    const live = list.filter((p) => !/^(Succeeded|Failed)$/.test(p.status.phase!)).length;
    expect((write!.object as ResourceQuota).status?.used).toEqual({ pods: String(live) });
    expect(planQuota({ quota: write!.object as ResourceQuota, objects })).toEqual(nothing);
  }
});

test('a node gets the range that was chosen for it, or says that none is left', () => {
  const node = partOf<Node>({ metadata: { name: 'one', uid: 'n' } });
  const [write] = writesOf(planPodRange({ node, cidrs: ['10.42.1.0/24'] }));
  expect(write).toMatchObject({
    verb: 'patch',
    patch: { body: { metadata: { uid: 'n' }, spec: { podCIDRs: ['10.42.1.0/24'] } } },
  });
  expect(planPodRange({ node, cidrs: undefined }).steps).toMatchObject([
    { verb: 'event', reason: 'CIDRNotAvailable' },
  ]);
});
