import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import { builtinScheme } from '../../api/scheme.ts';
import { realClock } from '../../io/clock.ts';
import { realDisk } from '../../io/disk.ts';
import { silentLog } from '../../io/log.ts';
import { mirrorIsCurrent, mirrorOf } from './static-pod.ts';
import { watchStaticPods } from './watch.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'static-'));
});
afterEach(() => rm(dir, { recursive: true }));

const yaml = (image: string): string =>
  'apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: c\n    ' +
  `image: ${image}\n`;

it('follows the files of a folder', async () => {
  await writeFile(join(dir, 'web.yaml'), yaml('a'));
  await writeFile(join(dir, 'ignored.txt'), yaml('b'));
  const told: Pod[][] = [];
  const stop = await watchStaticPods({
    dir,
    node: 'n1',
    scheme: builtinScheme(),
    clock: realClock,
    disk: realDisk,
    log: silentLog,
    changed: (pods) => told.push(pods),
  });
  expect(told.length).toBe(1);
  const pod = told[0]?.[0];
  expect(pod?.metadata).toMatchObject({
    name: 'web-n1',
    namespace: 'default',
    annotations: { 'kubernetes.io/config.source': 'file' },
  });
  expect(pod?.spec).toMatchObject({
    nodeName: 'n1',
    restartPolicy: 'Always',
    dnsPolicy: 'ClusterFirst',
    terminationGracePeriodSeconds: 30,
  });
  expect(pod?.spec.tolerations).toContainEqual({ operator: 'Exists', effect: 'NoExecute' });
  await writeFile(join(dir, 'web.yaml'), yaml('changed'));
  await vi.waitFor(() => expect(told.length).toBe(2), { timeout: 30_000 });
  expect(told[1]?.[0]?.metadata.uid).not.toBe(pod?.metadata.uid);
  await writeFile(join(dir, 'web.yaml'), 'kind: ][');
  await writeFile(join(dir, 'other.yml'), yaml('x').replace('web', 'other'));
  await vi.waitFor(() => expect(told.at(-1)?.length).toBe(2), { timeout: 30_000 });
  stop();
  const mirror = mirrorOf(pod!, { metadata: { name: 'n1', uid: 'nu' } } as never);
  expect(mirror.metadata).toMatchObject({
    name: 'web-n1',
    ownerReferences: [{ kind: 'Node', name: 'n1' }],
  });
  expect(mirror.metadata.uid).toBeUndefined();
  expect(mirrorIsCurrent(mirror, pod!)).toBe(true);
  expect(mirrorIsCurrent(mirror, told[1]![0]!)).toBe(false);
});
