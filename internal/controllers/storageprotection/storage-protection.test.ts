import { describe, expect, it } from 'vitest';
import { FakeClient } from '../../client/fake-client.ts';
import { mirrorFactory } from '../../client/mirrors.ts';
import { refs } from '../../client/refs.ts';
import { FakeClock } from '../../io/clock-fake.ts';
import { silentLog } from '../../io/log.ts';
import { seededRandom } from '../../io/random.ts';
import type { ControllerContext } from '../context.ts';
import { startPvcProtectionController, startPvProtectionController } from './storage-protection.ts';

function setUp(): { clock: FakeClock; client: FakeClient; ctx: ControllerContext } {
  const clock = new FakeClock();
  const client = new FakeClient(clock);
  const ctx: ControllerContext = {
    clientFor: () => client,
    managerClient: client,
    mirrors: mirrorFactory(client, clock, silentLog),
    clock,
    log: silentLog,
    random: seededRandom(1),
    resources: () => [],
    onResourcesChange: () => () => undefined,
    rootCa: '',
    clusterCidr: '10.42.0.0/16',
  };
  return { clock, client, ctx };
}

describe('protection of storage', () => {
  it('keeps a claim until its pod is gone, though it may have ended before', async () => {
    const { clock, client, ctx } = setUp();
    const controller = startPvcProtectionController(ctx);
    const claim = {
      metadata: {
        name: 'data',
        namespace: 'default',
        finalizers: ['kubernetes.io/pvc-protection'],
      },
      spec: {},
    };
    const pod = {
      metadata: { name: 'p', namespace: 'default' },
      spec: {
        nodeName: 'n',
        containers: [],
        volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }],
      },
      status: { phase: 'Running' },
    };
    await client.create(refs.persistentVolumeClaims, claim);
    await client.create(refs.pods, pod);
    await clock.advance(10);
    await client.delete(refs.persistentVolumeClaims, { namespace: 'default', name: 'data' });
    await clock.advance(10);
    expect(client.all(refs.persistentVolumeClaims)).toHaveLength(1);
    await client.patch(
      refs.pods,
      { namespace: 'default', name: 'p', subresource: 'status' },
      { type: 'merge', body: { status: { phase: 'Succeeded' } } },
    );
    await clock.advance(10);
    expect(client.all(refs.persistentVolumeClaims)).toHaveLength(1);
    await client.delete(refs.pods, { namespace: 'default', name: 'p' }, { gracePeriodSeconds: 0 });
    await clock.advance(10);
    expect(client.all(refs.persistentVolumeClaims)).toHaveLength(0);
    controller.stop();
  });

  it('keeps a volume while it is bound', async () => {
    const { clock, client, ctx } = setUp();
    const controller = startPvProtectionController(ctx);
    const volume = (name: string, phase: string): object => ({
      metadata: { name, finalizers: ['kubernetes.io/pv-protection'] },
      spec: {},
      status: { phase },
    });
    await client.create(refs.persistentVolumes, volume('bound', 'Bound'));
    await client.create(refs.persistentVolumes, volume('free', 'Available'));
    await clock.advance(10);
    for (const name of ['bound', 'free']) await client.delete(refs.persistentVolumes, { name });
    await clock.advance(10);
    expect(client.all(refs.persistentVolumes).map((v) => v.metadata.name)).toEqual(['bound']);
    controller.stop();
  });
});
