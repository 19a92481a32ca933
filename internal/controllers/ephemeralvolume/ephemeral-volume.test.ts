import { expect, it } from 'vitest';
import type { PersistentVolumeClaim } from '../../api/generated/types/core-v1.ts';
import { refs } from '../../client/refs.ts';
import { testCluster } from '../test-cluster.ts';
import { startEphemeralVolumeController } from './ephemeral-volume.ts';

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'default' },
  spec: {
    containers: [],
    volumes: [
      { name: 'plain', emptyDir: {} },
      {
        name: 'scratch',
        ephemeral: {
          volumeClaimTemplate: {
            metadata: { labels: { kept: 'yes' } },
            spec: { accessModes: ['ReadWriteOnce'] },
          },
        },
      },
    ],
  },
};

it('makes a claim of the pod for each ephemeral volume, again when it is deleted', async () => {
  const cluster = await testCluster([startEphemeralVolumeController], async ({ client }) => {
    await client.create(refs.pods, pod);
  });
  const claims = (): PersistentVolumeClaim[] => cluster.client.all(refs.persistentVolumeClaims);
  expect(claims()).toMatchObject([
    {
      metadata: {
        name: 'p-scratch',
        labels: { kept: 'yes' },
        ownerReferences: [{ kind: 'Pod', name: 'p', controller: true }],
      },
      spec: { accessModes: ['ReadWriteOnce'] },
    },
  ]);
  const first = claims()[0]!.metadata.uid;
  await cluster.client.delete(refs.persistentVolumeClaims, {
    namespace: 'default',
    name: 'p-scratch',
  });
  await cluster.settle();
  expect(claims()).toHaveLength(1);
  expect(claims()[0]!.metadata.uid).not.toBe(first);
  cluster.stop();
});

it('leaves the claim of somebody else alone', async () => {
  const cluster = await testCluster([startEphemeralVolumeController], async ({ client }) => {
    await client.create(refs.persistentVolumeClaims, {
      metadata: { name: 'p-scratch', namespace: 'default' },
      spec: {},
    });
    await client.create(refs.pods, pod);
  });
  const events = cluster.client.all(refs.events) as unknown as { message: string }[];
  expect(events[0]?.message).toBe(
    'ephemeral volume scratch: PVC default/p-scratch was not created for pod default/p ' +
      '(pod is not owner)',
  );
  cluster.stop();
});
