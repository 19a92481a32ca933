import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { startPostgres } from '../../internal/store/postgres/testing/postgres-process.ts';
import { root, run, TestCluster, until, type Result } from './node.ts';

const cluster = new TestCluster('server');
const skiff = process.env['SKIFF_TEST_BINARY'] ?? join(root, 'dist/skiff');
let failed = false;

beforeAll(() => cluster.up({ flags: ['--secrets-encryption'] }));
afterAll(() => cluster.down(failed));

const say = (...args: string[]): Result =>
  run([skiff, ...args], { env: { KUBECONFIG: cluster.kubeconfig } });
const data = (name: string): string =>
  cluster.kubectl(['get', 'cm', name, '-o', 'jsonpath={.data.mode}']).stdout;

describe('a slip of the hand', () => {
  it('is taken back: an edit, a deletion; a new start of the server starts over', async () => {
    onTestFailed(() => void (failed = true));
    cluster.k('create', 'cm', 'settings', '--from-literal=mode=good');
    cluster.k('patch', 'cm', 'settings', '-p', '{"data":{"mode":"bad"}}');
    expect(say('history', 'cm/settings').stdout).toMatch(
      /created\n\d+ +\S+ +kubectl-patch +changed: data.mode\n$/,
    );
    expect(say('undo', 'cm/settings').stdout).toMatch(/is as it was at revision \d+\n$/);
    expect(data('settings')).toBe('good');
    cluster.k('delete', 'cm', 'settings');
    const back = say('undo', 'cm', 'settings');
    expect([back.stderr, back.stdout]).toEqual(['', expect.stringMatching(/is back as it was/)]);
    expect(data('settings')).toBe('good');
    cluster.killServer('KILL');
    await until('the server is gone', () => cluster.kubectl(['get', '--raw', '/readyz']).code);
    cluster.startServer();
    await cluster.answers();
    expect(say('history', 'cm/settings').stdout).toMatch(/first kept\n$/);
    cluster.k('delete', 'cm', 'settings');
    expect(say('undo', 'cm', 'settings').stdout).toMatch(/is back as it was/);
  });

  it('is taken back for workloads, whose status and pods are left to their controllers', () => {
    onTestFailed(() => void (failed = true));
    cluster.k('create', 'deployment', 'web', '--image=web:1', '--replicas=0');
    cluster.k('rollout', 'status', 'deployment/web', '--timeout=60s');
    cluster.k('set', 'image', 'deployment/web', 'web=web:2');
    expect(say('diff', 'deployment/web').stdout).toMatch(/-.*image: web:1\n\+.*image: web:2\n/);
    expect(say('undo', 'deploy/web').code).toBe(0);
    expect(cluster.k('get', 'deploy', 'web', '-o', 'jsonpath={..image}')).toBe('web:1');
    cluster.k('rollout', 'status', 'deployment/web', '--timeout=60s');
  });

  it('does not show a Secret, and needs the rights of an edit', () => {
    onTestFailed(() => void (failed = true));
    cluster.k('create', 'secret', 'generic', 'key', '--from-literal=p=first-value');
    cluster.k('patch', 'secret', 'key', '-p', '{"stringData":{"p":"second-value"}}');
    const shown = say('diff', 'secret/key').stdout + say('undo', 'secret/key', '--dry-run').stdout;
    expect(shown).toContain('<hidden, after>');
    expect(shown).not.toMatch(/-value|Zmlyc3Qtdm|c2Vjb25kLX/);
    expect(say('undo', 'secret/key').code).toBe(0);
    expect(cluster.k('get', 'secret', 'key', '-o', 'jsonpath={.data.p}')).toBe(
      Buffer.from('first-value').toString('base64'),
    );
    expect(say('undo', 'cm/never').stderr).toBe('skiff: configmaps "never" not found\n');
  });
});

/** What a datastore has in its log is kept by another program, and outlives the server. */
async function outlivesTheServer(of: TestCluster): Promise<void> {
  const words = (...args: string[]): Result =>
    run([skiff, ...args], { env: { KUBECONFIG: of.kubeconfig } });
  const mode = (): string =>
    of.kubectl(['get', 'cm', 'settings', '-o', 'jsonpath={.data.mode}']).stdout;
  of.k('create', 'cm', 'settings', '--from-literal=mode=good');
  of.k('patch', 'cm', 'settings', '-p', '{"data":{"mode":"bad"}}');
  of.killServer('KILL');
  await until('the server is gone', () => of.kubectl(['get', '--raw', '/readyz']).code);
  of.startServer();
  await of.answers();
  expect(words('history', 'cm/settings').stdout).toMatch(
    /created\n\d+ +\S+ +kubectl-patch +changed: data.mode\n$/,
  );
  expect(words('undo', 'cm/settings').stdout).toMatch(/is as it was at revision \d+\n$/);
  expect(mode()).toBe('good');
  of.k('delete', 'cm', 'settings');
  expect(words('undo', 'cm/settings').stdout).toMatch(/is back as it was/);
  expect(mode()).toBe('good');
}

describe('history', () => {
  it('is read from an etcd', async () => {
    const of = new TestCluster('etcd');
    try {
      await of.launch({ flags: ['--cluster-init', '--disable-agent'] });
      await of.answers();
      await outlivesTheServer(of);
    } finally {
      of.down(false);
    }
  });

  it('is read from a PostgreSQL', async () => {
    const of = new TestCluster('postgres');
    const postgres = await startPostgres({
      settings: ['listen_addresses=*'],
      hba: ['local all all scram-sha-256', 'host all all 0.0.0.0/0 scram-sha-256'],
    });
    try {
      const endpoint = postgres.url('kubernetes').replace('127.0.0.1', of.node.hostIp);
      await of.launch({ flags: ['--disable-agent', '--datastore-endpoint', endpoint] });
      await of.answers();
      await outlivesTheServer(of);
    } finally {
      of.down(false);
      await postgres.stop();
    }
  });
});
