import { describe, expect, it } from 'vitest';
import type { IPAddress, ServiceCIDR } from '../../api/generated/types/networking-v1.ts';
import { FakeClient } from '../../client/fake-client.ts';
import { mirrorFactory } from '../../client/mirrors.ts';
import { refs } from '../../client/refs.ts';
import { FakeClock } from '../../io/clock-fake.ts';
import { silentLog } from '../../io/log.ts';
import { seededRandom } from '../../io/random.ts';
import type { ControllerContext } from '../context.ts';
import { blockingAddress } from './in-use.ts';
import { startServiceCidrsController } from './service-cidrs.ts';

const range = (name: string, cidrs: string[], deleted = false): ServiceCIDR =>
  ({
    metadata: { name, uid: name, ...(deleted && { deletionTimestamp: '2026-01-01T00:00:00Z' }) },
    spec: { cidrs },
  }) as ServiceCIDR;
const address = (name: string): IPAddress => ({ metadata: { name } }) as IPAddress;

describe('whether a range may go', () => {
  const two = range('two', ['10.9.0.0/28', 'fd00::/112'], true);
  it.each<[string, ServiceCIDR[], string[], string | undefined]>([
    ['nothing used', [two], [], undefined],
    ['an address used', [two], ['10.9.0.3'], '10.9.0.3'],
    ['an address of the second family', [two], ['fd00::7'], 'fd00::7'],
    ['an address of another range', [two], ['10.9.0.16', 'fd00:1::1'], undefined],
    ['a wider range holds it', [two, range('wide', ['10.9.0.0/24'])], ['10.9.0.3'], undefined],
    [
      'the wider range goes too',
      [two, range('wide', ['10.9.0.0/24'], true)],
      ['10.9.0.3'],
      '10.9.0.3',
    ],
    [
      'a narrow range holds another address',
      [two, range('narrow', ['10.9.0.8/30'])],
      ['10.9.0.3'],
      '10.9.0.3',
    ],
    ['a name that is not an address', [two], ['x'], undefined],
  ])('%s', (_what, all, used, blocking) =>
    expect(blockingAddress(two, all, used.map(address))).toBe(blocking),
  );
});

describe('the controller', () => {
  it('makes a range ready, and keeps it until its addresses and ten seconds are gone', async () => {
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
    const controller = startServiceCidrsController(ctx);
    const state = (): ServiceCIDR | undefined =>
      client.all(refs.serviceCidrs)[0] as ServiceCIDR | undefined;
    await client.create(refs.serviceCidrs, {
      metadata: { name: 'two' },
      spec: { cidrs: ['10.9.0.0/28'] },
    });
    await client.create(refs.ipAddresses, { metadata: { name: '10.9.0.3' }, spec: {} });
    await clock.advance(10);
    expect(state()?.metadata.finalizers).toEqual(['networking.k8s.io/service-cidr-finalizer']);
    expect(state()?.status?.conditions).toMatchObject([{ type: 'Ready', status: 'True' }]);
    await client.delete(refs.serviceCidrs, { name: 'two' });
    await clock.advance(20_000);
    expect(state()?.status?.conditions).toMatchObject([
      { type: 'Ready', status: 'False', reason: 'Terminating' },
    ]);
    await client.delete(refs.ipAddresses, { name: '10.9.0.3' });
    await clock.advance(10);
    expect(state()).toBeUndefined();

    await client.create(refs.serviceCidrs, {
      metadata: { name: 'two' },
      spec: { cidrs: ['10.9.0.0/28'] },
    });
    await clock.advance(10);
    await client.delete(refs.serviceCidrs, { name: 'two' });
    await clock.advance(9_000);
    expect(state()?.metadata.name).toBe('two');
    await clock.advance(2_000);
    expect(state()).toBeUndefined();
    controller.stop();
  });
});
