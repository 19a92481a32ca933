import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { busybox } from './images.ts';
import { root, TestCluster, until } from './node.ts';

const cluster = new TestCluster();
let failed = false;
beforeAll(() => cluster.up({ images: [busybox()] }));
afterAll(() => cluster.down(failed));

/**
 * The suite runs beside this process, as a stranger would start it: it must not stop what this
 * process serves.
 */
function attack(): Promise<{ code: number | null; text: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(root, 'test/attacks/run.ts'), cluster.kubeconfig], {
      timeout: 900_000,
    });
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (part: Buffer) => (text += part.toString()));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, text }));
  });
}

it('no attack gets in, and the cluster is well afterwards', async () => {
  failed = true;
  await until(
    'the node lists its busybox image',
    () =>
      cluster
        .k('get', 'nodes', '-o', 'jsonpath={.items[*].status.images[*].names}')
        .includes('busybox'),
    { timeoutMs: 330_000 },
  );
  const { code, text } = await attack();
  expect(text.split('\n').filter((line) => /^(GOT IN|BROKEN)/.test(line))).toEqual([]);
  expect(text).toMatch(/^[1-9]\d* attacks, 0 got in$/m);
  expect(code).toBe(0);
  await cluster.ready();
  failed = false;
}, 1_300_000);
