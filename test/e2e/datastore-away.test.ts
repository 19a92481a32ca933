import { afterAll, beforeAll, expect, it, onTestFailed } from 'vitest';
import { requireProgram } from '../packages.ts';
import { TestCluster, until } from './node.ts';

/** A server whose datastore does not answer, as an etcd that has lost its majority does not. */
const cluster = new TestCluster();
let failed = false;
beforeAll(async () => {
  requireProgram('etcd');
  await cluster.launch({ flags: ['--cluster-init', '--disable-agent'] });
  await cluster.answers();
});
afterAll(() => {
  cluster.node.exec(['pkill', '-CONT', '-x', 'etcd']);
  cluster.down(failed);
});

/** What a load balancer or a probe sees, and how long it waits. */
const ask = (path: string): { status: string; seconds: number; body: string } => {
  const url = `https://127.0.0.1:6443${path}`;
  const tls = '/var/lib/skiff/server/tls/client-admin';
  const as = path.includes('z/') ? ['--cert', `${tls}.crt`, '--key', `${tls}.key`] : []; // the checks one by one are not everybody's
  const out = cluster.node.exec(['curl', '-sk', ...as, '-m', '10', '-w', '\n%{http_code} %{time_total}', url]).stdout;
  const [status = '', seconds = ''] = (out.split('\n').at(-1) ?? '').split(' ');
  return { status, seconds: Number(seconds), body: out };
};

it('says within a second which check fails, and is well again by itself', async () => {
  onTestFailed(() => void (failed = true));
  expect(ask('/readyz').status).toBe('200');
  cluster.node.exec(['pkill', '-STOP', '-x', 'etcd']);
  for (let i = 0; i < 3; i++) {
    for (const path of ['/readyz', '/livez', '/healthz', '/readyz/etcd']) {
      const { status, seconds, body } = ask(path);
      expect({ path, status }).toEqual({ path, status: '500' });
      expect(seconds, path).toBeLessThan(1);
      if (path === '/readyz') expect(body).toMatch(/\[-\]etcd failed[^]*\[-\]etcd-readiness failed/);
    }
  }
  const { seconds, status } = ask('/livez/ping');
  expect({ status, quick: seconds < 0.5 }).toEqual({ status: '200', quick: true });
  cluster.node.exec(['pkill', '-CONT', '-x', 'etcd']);
  await until('it is ready again', () => ask('/readyz').status === '200', { timeoutMs: 30_000 });
});
