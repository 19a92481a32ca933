import type { Pod } from '../api/generated/types/core-v1.ts';
import type { ResourceRef } from '../api/object.ts';
import { FakeClient } from '../client/fake-client.ts';
import { mirrorFactory } from '../client/mirrors.ts';
import { refs } from '../client/refs.ts';
import { timeOf } from '../api/times.ts';
import { FakeClock } from '../io/clock-fake.ts';
import { silentLog } from '../io/log.ts';
import { seededRandom } from '../io/random.ts';
import type { Controller, ControllerContext } from './context.ts';

/**
 * A cluster in memory for tests of controllers: no API server, no nodes, a clock that is moved by
 * hand.
 */
export interface TestCluster {
  client: FakeClient;
  clock: FakeClock;
  ctx: ControllerContext;
  /** Lets the controllers work until nothing is left to do now. */
  settle(): Promise<void>;
  /** Does the kubelets' part: every pod runs and is ready. Then settles. */
  makeReady(): Promise<void>;
  stop(): void;
}

export async function testCluster(
  controllers: ((ctx: ControllerContext) => Controller)[],
  prepare: (cluster: TestCluster) => Promise<void>,
  over: Partial<ControllerContext> = {},
): Promise<TestCluster> {
  const clock = new FakeClock();
  const client = new FakeClient(clock);
  const resources: ResourceRef[] = [
    refs.pods,
    refs.configMaps,
    refs.secrets,
    refs.replicaSets,
    refs.deployments,
    refs.jobs,
    refs.namespaces,
    refs.nodes,
  ];
  const ctx: ControllerContext = {
    clientFor: () => client,
    managerClient: client,
    mirrors: mirrorFactory(client, clock, silentLog),
    clock,
    log: silentLog,
    random: seededRandom(1),
    resources: () => resources,
    onResourcesChange: () => () => undefined,
    rootCa: 'PEM',
    clusterCidr: '10.42.0.0/16',
    ...over,
  };
  let running: Controller[] = [];
  const cluster: TestCluster = {
    client,
    clock,
    ctx,
    settle: async () => {
      // Short back-offs belong to settling; nothing that waits for longer is woken.
      for (let i = 0; i < 40; i += 1) await clock.advance(5);
    },
    makeReady: async () => {
      for (const pod of client.all<Pod>(refs.pods)) {
        if (pod.status?.phase === 'Running' || pod.metadata.deletionTimestamp) continue;
        const now = timeOf(clock.now());
        const status = {
          phase: 'Running',
          conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: now }],
          startTime: now,
        };
        await client.patch(
          refs.pods,
          { namespace: pod.metadata.namespace, name: pod.metadata.name!, subresource: 'status' },
          { type: 'merge', body: { status } },
        );
      }
      await cluster.settle();
    },
    stop: () => {
      for (const c of running) c.stop();
      ctx.mirrors.stop();
    },
  };
  running = controllers.map((start) => start(ctx));
  await prepare(cluster);
  await cluster.settle();
  return cluster;
}
