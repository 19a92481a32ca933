import { describe, expect, test } from 'vitest';
import type { Scale } from '../../api/generated/types/autoscaling-v1.ts';
import type { HorizontalPodAutoscaler } from '../../api/generated/types/autoscaling-v2.ts';
import { conflict, forbidden } from '../../api/status.ts';
import { partOf } from '../../base/testing/part-of.ts';
import { refs } from '../../client/refs.ts';
import { seededRandom } from '../../io/random.ts';
import { testSeed } from '../../io/test-seed.ts';
import { Outcome } from '../kit/carry-out.ts';
import { writesOf, type Plan } from '../kit/write.ts';
import {
  concludeAutoscaler,
  historyAfter,
  planAutoscaler,
  type AutoscalerView,
  type Target,
} from './plan.ts';
import { MetricFailed, type Proposed } from './proposals.ts';

const nowMs = Date.UTC(2026, 0, 2);
const random = seededRandom(testSeed());

const proposed = (replicas: number): Proposed => ({
  replicas,
  name: 'cpu',
  status: { type: 'Resource' },
});
const failed = new MetricFailed('FailedGetResourceMetric', 'away', 'failed to get cpu: away');
const behaviors = [
  undefined,
  { scaleDown: { stabilizationWindowSeconds: 0 } },
  { scaleUp: { policies: [{ type: 'Pods', value: 1, periodSeconds: 15 }] } },
  { scaleDown: { selectPolicy: 'Disabled' } },
];

function drawn(): AutoscalerView & { target: Target } {
  const least = 1 + random.int(5);
  const most = least + random.int(10);
  const current = random.int(20);
  const proposals =
    current < least || current > most
      ? []
      : Array.from({ length: 1 + random.int(3) }, () =>
          random.int(4) === 0 ? failed : proposed(random.int(30)),
        );
  return {
    hpa: partOf<HorizontalPodAutoscaler>({
      metadata: { name: 'web', namespace: 'ns' },
      spec: { minReplicas: least, maxReplicas: most, behavior: behaviors[random.int(4)] },
      status: {},
    }),
    history: undefined,
    target: {
      ref: refs.deployments,
      scale: partOf<Scale>({ metadata: { name: 'web' }, spec: { replicas: current } }),
    },
    proposals,
    nowMs,
  };
}

const currentOf = ({ target }: { target: Target }): number => target.scale.spec!.replicas!;
const askedFor = (plan: Plan): number | undefined => {
  const [write] = writesOf(plan) as { object: { spec: { replicas: number } } }[];
  return write?.object.spec.replicas;
};
const statusOf = (plan: Plan): HorizontalPodAutoscaler['status'] | undefined => {
  const [write] = writesOf(plan) as { object: HorizontalPodAutoscaler }[];
  return write?.object.status;
};
const done = (plan: Plan): Outcome => {
  const outcome = new Outcome();
  for (const write of writesOf(plan)) outcome.add(write, { metadata: {} });
  return outcome;
};
const ableToScale = (plan: Plan): string | undefined =>
  statusOf(plan)?.conditions?.find((c) => c.type === 'AbleToScale')?.reason;

describe('the number that is set', () => {
  test('lies between the bounds, and none is set for a target of none', () => {
    for (let i = 0; i < 2000; i++) {
      const view = drawn();
      const desired = askedFor(planAutoscaler(view));
      if (currentOf(view) === 0) expect(desired).toBeUndefined();
      const { minReplicas: least = 1, maxReplicas: most } = view.hpa.spec;
      if (desired === undefined) continue;
      expect(desired).toBeGreaterThanOrEqual(least);
      expect(desired).toBeLessThanOrEqual(most);
      expect(desired).not.toBe(currentOf(view));
    }
  });

  test('is never smaller while a metric cannot be had', () => {
    for (let i = 0; i < 1000; i++) {
      const view = drawn();
      if (!view.proposals.includes(failed)) continue;
      const desired = askedFor(planAutoscaler(view));
      if (desired !== undefined) expect(desired).toBeGreaterThan(currentOf(view));
    }
  });

  test('is what the greediest metric asks for, at the pace of the behavior', () => {
    for (let i = 0; i < 1000; i++) {
      const view = drawn();
      const wishes = view.proposals.flatMap((p) => (p instanceof MetricFailed ? [] : [p.replicas]));
      const desired = askedFor(planAutoscaler(view));
      if (wishes.length === 0 || desired === undefined) continue;
      if (desired > currentOf(view)) expect(desired).toBeLessThanOrEqual(Math.max(...wishes));
      else
        expect(desired).toBeGreaterThanOrEqual(
          Math.min(Math.max(...wishes, 1), currentOf(view) - 1),
        );
    }
  });
});

test('a pass again, with metrics that ask for what was set, does not turn back', () => {
  for (let i = 0; i < 1000; i++) {
    const view = drawn();
    const desired = askedFor(planAutoscaler(view));
    if (desired === undefined) continue;
    const outcome = done(planAutoscaler(view));
    const status = statusOf(concludeAutoscaler(view, outcome))!;
    expect(status.desiredReplicas).toBe(desired);
    expect(ableToScale(concludeAutoscaler(view, outcome))).toBe('SucceededRescale');
    const target = { ...view.target, scale: { ...view.target.scale, spec: { replicas: desired } } };
    const next: AutoscalerView = {
      ...view,
      target,
      history: historyAfter(view, outcome),
      proposals: [proposed(desired)],
    };
    const then = askedFor(planAutoscaler(next)) ?? desired;
    expect(Math.sign(then - desired) * Math.sign(currentOf(view) - desired)).not.toBe(1);
  }
});

describe('a scale that cannot be set', () => {
  const view = (): AutoscalerView => {
    for (;;) {
      const found = drawn();
      if (askedFor(planAutoscaler(found)) !== undefined) return found;
    }
  };
  const refused = (of: AutoscalerView, error: unknown): Outcome => {
    const outcome = new Outcome();
    outcome.fail(writesOf(planAutoscaler(of))[0]!, error);
    return outcome;
  };

  test('is told in the status, and is not a change of the past', () => {
    const of = view();
    const outcome = refused(of, forbidden(refs.deployments, 'web', 'no'));
    expect(ableToScale(concludeAutoscaler(of, outcome))).toBe('FailedUpdateScale');
    const { ups, downs } = historyAfter(of, outcome);
    expect([...ups, ...downs]).toEqual([]);
  });

  test('because somebody was quicker is looked at again before anything is told', () => {
    const of = view();
    const outcome = refused(of, conflict(refs.deployments, 'web', 'changed'));
    expect(concludeAutoscaler(of, outcome).steps).toEqual([]);
  });
});

test('a target without a scale is told', () => {
  const view = { ...drawn(), target: { error: 'not found' } };
  const plan = planAutoscaler(view);
  expect(plan.steps).toMatchObject([{ reason: 'FailedGetScale', message: 'not found' }]);
  expect(ableToScale(concludeAutoscaler(view, done(plan)))).toBe('FailedGetScale');
});
