import { describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import type { CgroupFiles } from '../../io/cgroup-files.ts';
import { silentLog } from '../../io/log.ts';
import { podLimits, weightOf } from './limits.ts';
import { PodCgroups } from './pod-cgroups.ts';

function podOf(uid: string, ...resources: object[]): Pod {
  return { metadata: { uid }, spec: { containers: resources.map((r, i) => ({ name: `c${i}`, resources: r })) } } as unknown as Pod;
}

describe('podLimits', () => {
  it('limits a pod only when all its containers are limited', () => {
    const both = { limits: { cpu: '100m', memory: '10Mi' }, requests: { cpu: '50m' } };
    expect(podLimits(podOf('u', both, both))).toEqual({ cpuShares: 102, cpuQuota: 20_000, memoryBytes: 20n * 1024n * 1024n });
    expect(podLimits(podOf('u', both, {}))).toMatchObject({ cpuQuota: undefined, memoryBytes: undefined });
    expect(podLimits(podOf('u', {}))).toMatchObject({ cpuShares: 2 });
  });

  it('adds overhead', () => {
    const pod = podOf('u', { requests: { cpu: '1' }, limits: { cpu: '1', memory: '1Mi' } });
    pod.spec.overhead = { cpu: '1', memory: '1Mi' };
    expect(podLimits(pod)).toMatchObject({ cpuShares: 2048, cpuQuota: 200_000, memoryBytes: 2n * 1024n * 1024n });
  });

  it('turns shares into weights', () => expect([2, 1024, 262_144].map(weightOf)).toEqual([1, 39, 10_000]));
});

/** A file system of control groups in memory. */
function fakeFiles(unified: boolean) {
  const groups = new Set<string>();
  const values = new Map<string, string>();
  const files: CgroupFiles = {
    isUnified: () => Promise.resolve(unified),
    mounted: (names) => Promise.resolve(names.filter((n) => n === 'cpu' || n === 'memory')),
    make: (h, path) => Promise.resolve(void groups.add(h + path)),
    write: (h, path, file, value) => Promise.resolve(void values.set(`${h}${path}/${file}`, value)),
    read: (h, path, file) => Promise.resolve(values.get(`${h}${path}/${file}`)),
    children: (h, path) => Promise.resolve([...groups].filter((g) => g.startsWith(`${h}${path}/`)).map((g) => g.slice(h.length + path.length + 1)).filter((name) => !name.includes('/'))),
    remove: (h, path) => Promise.resolve(void groups.delete(h + path)),
  };
  return { files, groups, values };
}

describe('PodCgroups', () => {
  const pod = podOf('u1', { limits: { cpu: '100m', memory: '16Mi' }, requests: { cpu: '50m' } });

  it('writes the files of each version', async () => {
    const one = fakeFiles(false);
    const v1 = new PodCgroups(one.files, silentLog);
    await v1.start();
    await v1.create(pod);
    expect(v1.pathOf(pod)).toBe('/kubepods/burstable/podu1');
    expect(one.values.get('memory/kubepods/burstable/podu1/memory.limit_in_bytes')).toBe(String(16 * 1024 * 1024));
    expect(one.values.get('cpu/kubepods/burstable/podu1/cpu.cfs_quota_us')).toBe('10000');
    const two = fakeFiles(true);
    const v2 = new PodCgroups(two.files, silentLog);
    await v2.start();
    await v2.create(podOf('u2', {}));
    expect(two.values.get('/kubepods/besteffort/podu2/cpu.max')).toBe('max 100000');
    expect(two.values.get('/kubepods/besteffort/podu2/memory.max')).toBe('max');
  });

  it('sweeps what nobody owns', async () => {
    const { files, groups } = fakeFiles(false);
    const cgroups = new PodCgroups(files, silentLog);
    await cgroups.start();
    await cgroups.create(pod);
    await cgroups.create(podOf('u2', {}));
    await cgroups.sweep(new Set(['u2']));
    expect([...groups].some((g) => g.includes('podu1'))).toBe(false);
    expect([...groups].some((g) => g.includes('podu2'))).toBe(true);
  });
});
