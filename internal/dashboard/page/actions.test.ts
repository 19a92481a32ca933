import { expect, it } from 'vitest';
import { toEvict } from './actions.ts';
import type { PodObject } from './objects.ts';

const pod = (name: string, more: object = {}, phase = 'Running'): PodObject => ({
  metadata: { name, ...more },
  status: { phase },
});
const ownedBy = (kind: string): object => ({
  ownerReferences: [{ kind, name: 'x', controller: true }],
});

it('a drain moves what comes back elsewhere, and leaves alone what does not', () => {
  const { move, lone } = toEvict([
    pod('web', ownedBy('ReplicaSet')),
    pod('each', ownedBy('DaemonSet')),
    pod('static', { annotations: { 'kubernetes.io/config.mirror': 'x' } }),
    pod('done', {}, 'Succeeded'),
    pod('lone'),
    pod('strange', { ownerReferences: [{ kind: 'ReplicaSet', name: 'x' }] }),
  ]);
  expect(move.map(({ metadata }) => metadata.name)).toEqual(['web', 'done']);
  expect(lone.map(({ metadata }) => metadata.name)).toEqual(['lone', 'strange']);
});
