import { afterEach, describe, expect, it } from 'vitest';
import type { HorizontalPodAutoscaler } from '../../api/generated/types/autoscaling-v2.ts';
import type { Event } from '../../api/generated/types/core-v1.ts';
import { timeOf } from '../../api/times.ts';
import { refs } from '../../client/refs.ts';
import { testCluster, type TestCluster } from '../test-cluster.ts';
import { startHorizontalPodAutoscaler } from './autoscaler.ts';

let cluster: TestCluster;
afterEach(() => cluster.stop());

interface World {
  /** What the target asks for now. */
  replicas: number;
  /** What each pod uses, in thousandths of a core; undefined = no metric of it. */
  usage: (number | undefined)[];
  /** What the metrics API answers besides. */
  status: number;
  scaled: number[];
}

/** A Deployment whose pods ask for one core each, and an autoscaler. */
async function start(spec: object, world: Partial<World> = {}): Promise<World> {
  const state: World = { replicas: 2, usage: [500, 500], status: 200, scaled: [], ...world };
  cluster = await testCluster([startHorizontalPodAutoscaler], async ({ client, clock, ctx }) => {
    // The scale is a view of the target; the twin of the API server has none.
    const { get, update } = client;
    client.get = ((ref, target) =>
      target.subresource === 'scale'
        ? Promise.resolve({
            metadata: { name: 'web', namespace: 'ns' },
            spec: { replicas: state.replicas },
            status: { replicas: state.replicas, selector: 'app=web' },
          })
        : get.call(client, ref, target)) as typeof client.get;
    client.update = ((ref, object, options) => {
      if (options?.subresource !== 'scale') return update.call(client, ref, object, options);
      state.replicas = (object as { spec: { replicas: number } }).spec.replicas;
      state.scaled.push(state.replicas);
      return Promise.resolve(object);
    }) as typeof client.update;
    client.raw = () => {
      const items = state.usage.flatMap((milli, i) =>
        milli === undefined
          ? []
          : [
              {
                metadata: { name: `p${i}` },
                timestamp: timeOf(clock.now()),
                window: '15s',
                containers: [{ name: 'c', usage: { cpu: `${milli}m`, memory: '64Mi' } }],
              },
            ],
      );
      const body = state.status === 200 ? { items } : { message: 'the server is away' };
      return Promise.resolve({ status: state.status, body: Buffer.from(JSON.stringify(body)) });
    };
    expect(ctx.resources()).toContain(refs.deployments);
    const longAgo = timeOf(clock.now() - 3_600_000);
    for (const i of state.usage.keys())
      await client.create(refs.pods, {
        metadata: { name: `p${i}`, namespace: 'ns', labels: { app: 'web' } },
        spec: { containers: [{ name: 'c', resources: { requests: { cpu: '1' } } }] },
        status: {
          phase: 'Running',
          startTime: longAgo,
          conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: longAgo }],
        },
      });
    await client.create(refs.horizontalPodAutoscalers, {
      metadata: { name: 'web', namespace: 'ns' },
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
        minReplicas: 1,
        maxReplicas: 10,
        metrics: [cpu],
        ...spec,
      },
      status: {},
    });
  });
  return state;
}

const cpu = {
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } },
};
const status = (): HorizontalPodAutoscaler['status'] =>
  cluster.client.all<HorizontalPodAutoscaler>(refs.horizontalPodAutoscalers)[0]!.status;
const condition = (type: string): string | undefined => {
  const found = status().conditions?.find((c) => c.type === type);
  return found && `${found.status} ${found.reason}`;
};
const told = (): string[] =>
  cluster.client.all<Event>(refs.events).map((e) => `${e.reason}: ${e.message}`);
const period = async (periods = 1): Promise<void> => {
  for (let i = 0; i < periods; i++) {
    await cluster.clock.advance(15_000);
    await cluster.settle();
  }
};

describe('a target in percent', () => {
  it('that is met changes nothing, within its tolerance', async () => {
    const world = await start({}, { usage: [540, 540] });
    expect(world.scaled).toEqual([]);
    expect(status()).toMatchObject({
      currentReplicas: 2,
      desiredReplicas: 2,
      currentMetrics: [
        {
          type: 'Resource',
          resource: { name: 'cpu', current: { averageUtilization: 54, averageValue: '540m' } },
        },
      ],
    });
    expect(condition('ScalingActive')).toBe('True ValidMetricFound');
    expect(condition('AbleToScale')).toBe('True ReadyForNewScale');
    expect(condition('ScalingLimited')).toBe('False DesiredWithinRange');
  });

  it('that is passed makes more, at most twice as many or four at once', async () => {
    const world = await start({}, { usage: [3000, 3000] });
    expect(world.scaled).toEqual([4]);
    expect(condition('ScalingLimited')).toBe('True ScaleUpLimit');
    expect(told()).toContain(
      'SuccessfulRescale: New size: 4; reason: cpu resource utilization (percentage of request) ' +
        'above target',
    );
    expect(status().lastScaleTime).toBeDefined();
    await period();
    expect(world.scaled).toEqual([4, 8]);
  });

  it('that is far away makes fewer only after five minutes', async () => {
    const world = await start({}, { replicas: 4, usage: [50, 50, 50, 50] });
    expect(world.scaled).toEqual([]);
    expect(condition('AbleToScale')).toBe('True ScaleDownStabilized');
    await period(19);
    expect(world.scaled).toEqual([]);
    await period(3);
    expect(world.scaled).toEqual([1]);
  });

  it('takes pods without a metric to use nothing when there are to be more', async () => {
    const world = await start({}, { usage: [800, undefined] });
    expect(world.scaled).toEqual([]);
    expect(status().desiredReplicas).toBe(2);
  });

  it('takes them to use what they ask for when there are to be fewer', async () => {
    const world = await start(
      { behavior: { scaleDown: { stabilizationWindowSeconds: 0 } } },
      { replicas: 4, usage: [100, 100, 100, undefined] },
    );
    // 3 x 10 % and one of 100 %: 32 % of 50, four pods: three.
    expect(world.scaled).toEqual([3]);
  });
});

describe('bounds', () => {
  it.each([
    [20, [10], 'above Spec.MaxReplicas'],
    [1, [3], 'below Spec.MinReplicas'],
  ])('hold for %i replicas without a metric', async (replicas, scaled, reason) => {
    const world = await start({ minReplicas: 3 }, { replicas, status: 503 });
    expect(world.scaled[0]).toBe(scaled[0]);
    expect(told().join()).toContain(reason);
  });

  it('leave a target of none alone', async () => {
    const world = await start({}, { replicas: 0 });
    expect(world.scaled).toEqual([]);
    expect(condition('ScalingActive')).toBe('False ScalingDisabled');
  });

  it('are those of the behavior', async () => {
    const behavior = {
      scaleUp: {
        stabilizationWindowSeconds: 0,
        selectPolicy: 'Max',
        policies: [{ type: 'Pods', value: 1, periodSeconds: 60 }],
      },
    };
    const world = await start({ behavior }, { usage: [3000, 3000] });
    await period(3);
    expect(world.scaled).toEqual([3]);
    await period(2);
    expect(world.scaled).toEqual([3, 4]);
  });

  it('of scaling down may forbid it', async () => {
    const behavior = { scaleDown: { selectPolicy: 'Disabled', stabilizationWindowSeconds: 0 } };
    const world = await start({ behavior }, { replicas: 4, usage: [1, 1, 1, 1] });
    await period(3);
    expect(world.scaled).toEqual([]);
    expect(condition('ScalingLimited')).toBe('True ScaleDownLimit');
  });

  it('have a tolerance of their own', async () => {
    const behavior = { scaleUp: { stabilizationWindowSeconds: 0, tolerance: '0' } };
    const world = await start({ behavior }, { usage: [540, 540] });
    expect(world.scaled).toEqual([3]);
  });
});

describe('what is wrong', () => {
  it('with the metrics is told, and changes nothing', async () => {
    const world = await start({}, { status: 503 });
    expect(world.scaled).toEqual([]);
    expect(condition('ScalingActive')).toBe('False FailedGetResourceMetric');
    expect(told()).toContain(
      'FailedGetResourceMetric: failed to get cpu utilization: unable to get metrics for ' +
        'resource cpu: unable to fetch metrics from resource metrics API: the server is away',
    );
    world.status = 200;
    world.usage = [900, 900];
    await period();
    expect(world.scaled).toEqual([4]);
  });

  it('with one metric of two keeps it from making fewer, and not from making more', async () => {
    const unknown = {
      type: 'Resource',
      resource: { name: 'gpu', target: { type: 'AverageValue', averageValue: '1' } },
    };
    const world = await start(
      { metrics: [unknown, cpu], behavior: { scaleDown: { stabilizationWindowSeconds: 0 } } },
      { usage: [10, 10] },
    );
    expect(world.scaled).toEqual([]);
    world.usage = [900, 900];
    await period();
    expect(world.scaled).toEqual([4]);
  });

  it('with two autoscalers for the same pods is told', async () => {
    const world = await start({}, { usage: [900, 900] });
    const [first] = cluster.client.all<HorizontalPodAutoscaler>(refs.horizontalPodAutoscalers);
    await cluster.client.create(refs.horizontalPodAutoscalers, {
      metadata: { name: 'other', namespace: 'ns' },
      spec: first!.spec,
      status: {},
    });
    await period(2);
    expect(told().join()).toContain('AmbiguousSelector');
    expect(world.scaled.length).toBeLessThanOrEqual(1);
  });
});

it('an amount of memory for each pod is a target, too', async () => {
  const memory = {
    type: 'Resource',
    resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '32Mi' } },
  };
  const world = await start({ metrics: [memory] });
  expect(world.scaled).toEqual([4]);
  expect(status().currentMetrics[0]?.resource?.current.averageValue).toBe('64Mi');
});
