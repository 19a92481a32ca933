import { afterAll, beforeAll, expect, it, onTestFailed } from 'vitest';
import { requireProgram } from '../packages.ts';
import { join } from 'node:path';
import { root, TestCluster, until } from './node.ts';

/** A server whose datastore does not answer, as an etcd that has lost its majority does not. */
const cluster = new TestCluster();
let failed = false;
beforeAll(async () => {
  requireProgram('etcd');
  await cluster.launch({ flags: ['--cluster-init', '--disable-agent'] });
  await cluster.answers();
});
afterAll(() => {
  answering(true);
  cluster.down(failed);
});

/** A stopped etcd would be started again, so its port is what hears nothing. */
const answering = (yes: boolean): void => {
  const table = 'table inet away';
  const rules = yes
    ? `${table} {}\ndelete ${table}`
    : `${table} { chain in { type filter hook input priority -200; tcp dport 2379 drop; }; }`;
  cluster.node.exec(['nft', '-f', '-'], { input: rules });
};

/** What a load balancer or a probe sees, and how long it waits. */
const ask = (path: string): { status: string; seconds: number; body: string } => {
  const url = `https://127.0.0.1:6443${path}`;
  const tls = '/var/lib/skiff/server/tls/client-admin';
  // the checks one by one are not everybody's
  const as = path.includes('z/') ? ['--cert', `${tls}.crt`, '--key', `${tls}.key`] : [];
  const out = cluster.node.exec([
    'curl',
    '-sk',
    ...as,
    '-m',
    '10',
    '-w',
    '\n%{http_code} %{time_total}',
    url,
  ]).stdout;
  const [status = '', seconds = ''] = (out.split('\n').at(-1) ?? '').split(' ');
  return { status, seconds: Number(seconds), body: out };
};

it('says within a second which check fails, and is well again by itself', async () => {
  onTestFailed(() => void (failed = true));
  expect(ask('/readyz').status).toBe('200');
  answering(false);
  try {
    for (const path of ['/readyz', '/livez', '/healthz', '/readyz/etcd']) {
      const answers = [1, 2, 3].map(() => ask(path));
      expect(
        answers.map(({ status }) => status),
        path,
      ).toEqual(['500', '500', '500']);
      // The machine of the test may be busy with others: the best of three is the server's.
      expect(Math.min(...answers.map(({ seconds }) => seconds)), path).toBeLessThan(1);
      if (path === '/readyz')
        expect(answers[0]?.body).toMatch(/\[-\]etcd failed[^]*\[-\]etcd-readiness failed/);
    }
    expect(ask('/livez/ping').status).toBe('200');
  } finally {
    answering(true);
  }
  await until('it is ready again', () => ask('/readyz').status === '200', { timeoutMs: 60_000 });
});

it('moves its etcd along when the machine gets another address', async () => {
  onTestFailed(() => void (failed = true));
  const { ip, hostIp } = cluster.node;
  const next = ip.replace(/\.1$/, '.78');
  await until(
    'a change is taken',
    () => cluster.kubectl(['create', 'configmap', 'kept', '--from-literal=a=b']).code === 0,
  );
  cluster.node.exec([
    'sh',
    '-c',
    `ip addr add ${next}/24 dev eth0; ip addr del ${ip}/24 dev eth0; ip addr show dev eth0 | ` +
      `grep -q ${next} || ip addr add ${next}/24 dev eth0; ip route replace default via ` +
      `${hostIp}`,
  ]);
  cluster.useAddress(next);
  const members = (): string =>
    cluster.node.exec([
      process.env['SKIFF_TEST_BINARY'] ?? join(root, 'dist/skiff'),
      'datastore',
      'member',
      'list',
    ]).stdout;
  await until(
    'the member has the new address',
    () => members().includes(`https://${next}:2380`) && members().includes(`https://${next}:2379`),
    { timeoutMs: 30_000, seen: () => members() + cluster.log().slice(-2000) },
  );
  expect(members()).not.toContain(`${ip}:`);
  await until(
    'what was written is there',
    () =>
      cluster.kubectl(['get', 'configmap', 'kept', '-o', 'jsonpath={.data.a}'], {
        timeoutMs: 5_000,
      }).stdout === 'b',
    { timeoutMs: 30_000 },
  );
  const names = cluster.node.exec([
    'bash',
    '-c',
    `openssl s_client -connect ${next}:2380 </dev/null 2>/dev/null | openssl x509 -noout ` +
      '-ext subjectAltName',
  ]).stdout;
  expect(names).toContain(`IP Address:${next}`);
});
