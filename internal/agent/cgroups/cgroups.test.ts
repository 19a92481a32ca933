import { readFile } from 'node:fs/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import { realClock } from '../../io/clock.ts';
import { realDisk } from '../../io/disk.ts';
import { silentLog } from '../../io/log.ts';
import { realTree } from '../../io/tree.ts';
import { openCgroups } from './cgroups.ts';
import { findHierarchy, removeGroup } from './hierarchy.ts';
import { podLimits, weightOf } from './pod-limits.ts';

function podOf(uid: string, ...resources: object[]): Pod {
  return {
    metadata: { uid },
    spec: { containers: resources.map((r, i) => ({ name: `c${i}`, resources: r })) },
  } as Pod;
}

describe('podLimits', () => {
  it('limits a pod only when all its containers are limited', () => {
    const both = { limits: { cpu: '100m', memory: '10Mi' }, requests: { cpu: '50m' } };
    expect(podLimits(podOf('u', both, both))).toEqual({
      cpuShares: 102,
      cpuQuota: 20_000,
      memoryBytes: 20 * 1024 * 1024,
      cpuMilli: 100n,
    });
    expect(podLimits(podOf('u', both, {}))).toMatchObject({
      cpuQuota: undefined,
      memoryBytes: undefined,
    });
    expect(podLimits(podOf('u', {}))).toMatchObject({ cpuShares: 2 });
  });

  it('adds overhead', () => {
    const pod = podOf('u', { requests: { cpu: '1' }, limits: { cpu: '1', memory: '1Mi' } });
    pod.spec.overhead = { cpu: '1', memory: '1Mi' };
    expect(podLimits(pod)).toMatchObject({
      cpuShares: 2048,
      cpuQuota: 200_000,
      memoryBytes: 2 * 1024 * 1024,
    });
  });

  it('turns shares into weights', () =>
    expect([2, 1024, 262_144].map(weightOf)).toEqual([1, 39, 10_000]));
});

describe('Cgroups on this machine', () => {
  const parent = `/skiff-test-${process.pid}`;
  const doors = { disk: realDisk, tree: realTree };
  afterEach(async () => {
    await removeGroup(parent, await findHierarchy(realDisk), doors);
  });

  it('makes, limits, changes and removes', async () => {
    const cgroups = await openCgroups({ ...doors, clock: realClock, log: silentLog, parent });
    const pod = podOf('u1', { limits: { cpu: '100m', memory: '16Mi' }, requests: { cpu: '50m' } });
    expect(cgroups.parentOf(pod)).toBe(`${parent}/burstable/podu1`);
    await cgroups.ensure(pod);
    const file = cgroups.version === 1 ? 'memory.limit_in_bytes' : 'memory.max';
    const path = cgroups.pathOf(cgroups.parentOf(pod), 'memory') ?? '';
    expect((await readFile(`${path}/${file}`, 'utf8')).trim()).toBe(String(16 * 1024 * 1024));
    await cgroups.ensure(
      podOf('u1', { limits: { cpu: '100m', memory: '32Mi' }, requests: { cpu: '50m' } }),
    );
    expect((await readFile(`${path}/${file}`, 'utf8')).trim()).toBe(String(32 * 1024 * 1024));
    expect(await cgroups.leftovers()).toEqual(['u1']);
    await cgroups.remove('u1');
    expect(await cgroups.leftovers()).toEqual([]);
  });
});
