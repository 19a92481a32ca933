import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFailed } from 'vitest';
import { inside, install } from './installed.ts';
import { TestNode, until } from './node.ts';

const servers = ['one', 'two', 'three'].map((name) => new TestNode(name));
const [one] = servers as [TestNode];
let failed = false;

/** Asks whichever server answers. */
function kubectl(args: string): string {
  for (const node of servers) {
    const done = inside(node, `skiff kubectl --request-timeout=5s ${args}`);
    if (done.code === 0) return done.stdout;
  }
  return '';
}
const runs = (node: TestNode): string =>
  kubectl(`get node ${node.name} -o jsonpath={.status.nodeInfo.kubeletVersion}`)
    .split('.')
    .at(-1) ?? '';

beforeAll(async () => {
  await install(one, 'server --cluster-init');
  const token = readFileSync(join(one.disk, 'own/lib/skiff/server/token'), 'utf8').trim();
  for (const node of servers.slice(1))
    await install(node, `server --server https://${one.ip}:6443 --token ${token}`);
}, 600_000);
afterAll(() => servers.forEach((node) => node.destroy({ keepLogs: failed })));

it('a Plan upgrades three servers, the leader among them, one at a time', async () => {
  onTestFailed(() => void (failed = true));
  const done = one.exec(['skiff', 'kubectl', 'apply', '-f', '-'], {
    input: `
apiVersion: v1
kind: Namespace
metadata: {name: system-upgrade}
---
apiVersion: upgrade.cattle.io/v1
kind: Plan
metadata: {name: servers, namespace: system-upgrade}
spec:
  version: v0.1.1
  concurrency: 3
  cordon: true
  upgrade: {image: rancher/k3s-upgrade}
`,
  });
  expect(done.stderr).toBe('');
  const most = { applying: 0 };
  await until(
    'all are upgraded',
    () => {
      const plan = JSON.parse(kubectl('-n system-upgrade get plan servers -o json') || '{}') as {
        status?: { applying?: string[]; conditions?: { type: string; status: string }[] };
      };
      const { applying = [], conditions = [] } = plan.status ?? {};
      most.applying = Math.max(most.applying, applying.length);
      return conditions.find(({ type }) => type === 'Complete')?.status === 'True';
    },
    { timeoutMs: 400_000, seen: () => kubectl('-n system-upgrade get plan -o yaml') },
  );
  expect(most.applying).toBe(1);
  await until('all say so', () => servers.map(runs).join() === '1,1,1');
  const off = kubectl('get nodes -o jsonpath={.items[*].spec.unschedulable}');
  expect(off).toBe('');
}, 600_000);
