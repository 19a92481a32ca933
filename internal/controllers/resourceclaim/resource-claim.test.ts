import { describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import type { ResourceClaim } from '../../api/generated/types/resource-v1.ts';
import { refs } from '../../client/refs.ts';
import { testCluster, type TestCluster } from '../test-cluster.ts';
import { claimFinalizer, podClaimAnnotation } from './names.ts';
import { startResourceClaimController } from './resource-claim.ts';

const template = {
  metadata: { name: 'gpu', namespace: 'default' },
  spec: {
    metadata: { labels: { from: 'gpu' } },
    spec: { devices: { requests: [{ name: 'one', exactly: { deviceClassName: 'gpu' } }] } },
  },
};
const pod = (over: object = {}, spec: object = {}): object => ({
  metadata: { name: 'p', namespace: 'default', ...over },
  spec: {
    containers: [{ name: 'c', image: 'x' }],
    resourceClaims: [{ name: 'device', resourceClaimTemplateName: 'gpu' }],
    ...spec,
  },
});
const start = (prepare: (c: TestCluster) => Promise<void>): Promise<TestCluster> =>
  testCluster([startResourceClaimController], prepare);
const claims = (c: TestCluster): ResourceClaim[] =>
  c.client.all<ResourceClaim>(refs.resourceClaims);
const target = { namespace: 'default', name: 'p' };
const told = (c: TestCluster): unknown =>
  c.client.all<Pod>(refs.pods)[0]?.status?.resourceClaimStatuses;
const setStatus = (c: TestCluster, status: object): Promise<unknown> =>
  c.client.patch(
    refs.resourceClaims,
    { namespace: 'default', name: claims(c)[0]!.metadata.name!, subresource: 'status' },
    { type: 'merge', body: { status } },
  );

describe('resource claims', () => {
  it('are made from their template, owned by the pod, and told in its status', async () => {
    const c = await start(async ({ client }) => {
      await client.create(refs.resourceClaimTemplates, template);
      await client.create(refs.pods, pod());
    });
    const [claim] = claims(c);
    expect(claims(c).length).toBe(1);
    expect(claim!.metadata.name).toMatch(/^p-device-/);
    expect(claim!.metadata.labels).toEqual({ from: 'gpu' });
    expect(claim!.metadata.annotations).toEqual({ [podClaimAnnotation]: 'device' });
    expect(claim!.metadata.ownerReferences).toMatchObject([
      { kind: 'Pod', name: 'p', controller: true },
    ]);
    expect(claim!.spec).toEqual(template.spec.spec);
    expect(told(c)).toEqual([{ name: 'device', resourceClaimName: claim!.metadata.name }]);
    c.stop();
  });

  it('wait for a template that comes later', async () => {
    const c = await start(async ({ client }) => void (await client.create(refs.pods, pod())));
    expect(claims(c)).toEqual([]);
    await c.client.create(refs.resourceClaimTemplates, template);
    await c.settle();
    expect(claims(c).length).toBe(1);
    c.stop();
  });

  it('are not made twice when the pod could not be told', async () => {
    let refusals = 2;
    const c = await start(async ({ client }) => {
      client.intercept = (verb, ref) => {
        if (verb === 'patch' && ref.resource === 'pods' && refusals-- > 0) throw new Error('away');
      };
      await client.create(refs.resourceClaimTemplates, template);
      await client.create(refs.pods, pod());
    });
    await c.clock.advance(2000);
    await c.settle();
    expect(refusals).toBeLessThan(0);
    expect(claims(c).length).toBe(1);
    expect(told(c)).toEqual([{ name: 'device', resourceClaimName: claims(c)[0]!.metadata.name }]);
    c.stop();
  });

  it('are made again when somebody deleted one', async () => {
    const c = await start(async ({ client }) => {
      await client.create(refs.resourceClaimTemplates, template);
      await client.create(refs.pods, pod());
    });
    const before = claims(c)[0]!.metadata.name!;
    await c.client.delete(refs.resourceClaims, { namespace: 'default', name: before });
    await c.settle();
    expect(claims(c).length).toBe(1);
    expect(claims(c)[0]!.metadata.name).not.toBe(before);
    expect(told(c)).toEqual([{ name: 'device', resourceClaimName: claims(c)[0]!.metadata.name }]);
    c.stop();
  });

  it('are reserved for a pod that somebody else bound', async () => {
    const c = await start(async ({ client }) => {
      await client.create(refs.resourceClaims, {
        metadata: { name: 'mine', namespace: 'default' },
        spec: {},
        status: { allocation: { devices: {} } },
      });
      const resourceClaims = [{ name: 'device', resourceClaimName: 'mine' }];
      await client.create(refs.pods, pod({}, { nodeName: 'n', resourceClaims }));
    });
    const [p] = c.client.all<Pod>(refs.pods);
    expect(claims(c)[0]!.status.reservedFor).toEqual([
      { resource: 'pods', name: 'p', uid: p!.metadata.uid },
    ]);
    c.stop();
  });

  it('are taken back when their last consumer has ended', async () => {
    const c = await start(async ({ client }) => {
      await client.create(refs.resourceClaims, {
        metadata: { name: 'mine', namespace: 'default', finalizers: [claimFinalizer] },
        spec: {},
        status: { allocation: { devices: {} } },
      });
      const resourceClaims = [{ name: 'device', resourceClaimName: 'mine' }];
      await client.create(refs.pods, pod({}, { nodeName: 'n', resourceClaims }));
    });
    await c.client.patch(
      refs.pods,
      { ...target, subresource: 'status' },
      { type: 'merge', body: { status: { phase: 'Succeeded' } } },
    );
    await c.settle();
    expect(claims(c)[0]!.status).toEqual({});
    expect(claims(c)[0]!.metadata.finalizers ?? []).toEqual([]);
    c.stop();
  });

  it('keep reservations of others, and allocations that nobody used yet', async () => {
    const other = { apiGroup: 'example.com', resource: 'things', name: 'x', uid: 'u' };
    const c = await start(async ({ client }) => {
      await client.create(refs.resourceClaims, {
        metadata: { name: 'mine', namespace: 'default', finalizers: [claimFinalizer] },
        spec: {},
        status: { allocation: { devices: {} } },
      });
    });
    expect(claims(c)[0]!.status.allocation).toEqual({ devices: {} });
    await setStatus(c, {
      reservedFor: [other, { resource: 'pods', name: 'gone', uid: 'never-was' }],
    });
    await c.settle();
    expect(claims(c)[0]!.status).toEqual({ allocation: { devices: {} }, reservedFor: [other] });
    c.stop();
  });

  it('made for a pod go when the pod has ended, before the pod does', async () => {
    const c = await start(async ({ client }) => {
      await client.create(refs.resourceClaimTemplates, template);
      await client.create(refs.pods, pod({}, { nodeName: 'n' }));
    });
    await setStatus(c, { allocation: { devices: {} } });
    await c.settle();
    expect(claims(c)[0]!.status.reservedFor?.length).toBe(1);
    await c.client.patch(
      refs.pods,
      { ...target, subresource: 'status' },
      { type: 'merge', body: { status: { phase: 'Failed' } } },
    );
    await c.settle();
    expect(claims(c)).toEqual([]);
    expect(c.client.all(refs.pods).length).toBe(1);
    c.stop();
  });
});
