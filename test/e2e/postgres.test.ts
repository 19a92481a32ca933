import { spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import {
  startPostgres,
  type PostgresProcess,
} from '../../internal/store/postgres/testing/postgres-process.ts';
import { kubectlProgram, TestCluster, until } from './node.ts';

const cluster = new TestCluster('harbour');
const other = new TestCluster('quay');
let flags: string[] = [];
let postgres: PostgresProcess;
let failed = false;

beforeAll(async () => {
  postgres = await startPostgres({
    settings: ['listen_addresses=*'],
    hba: ['local all all scram-sha-256', 'host all all 0.0.0.0/0 scram-sha-256'],
  });
  // The database itself is made by the server.
  const endpoint = postgres.url('kubernetes').replace('127.0.0.1', cluster.node.hostIp);
  flags = ['--disable-agent', '--token', 'shared', '--datastore-endpoint', endpoint];
  await cluster.launch({ flags });
  await cluster.answers();
});
afterAll(async () => {
  for (const one of [cluster, other]) one.down(failed);
  await postgres?.stop();
});

const podsOf = (app: string): number =>
  cluster.json<{ items: unknown[] }>('pods', '-l', `app=${app}`).items.length;

describe('a control plane on PostgreSQL', () => {
  it('works: controllers act on what kubectl makes', async () => {
    onTestFailed(() => void (failed = true));
    await until(
      'the service account is there',
      () => cluster.kubectl(['get', 'sa', 'default']).code === 0,
    );
    cluster.k(
      'create',
      'deployment',
      'ferry',
      '--image=registry.example.org/ferry:1',
      '--replicas=3',
    );
    await until('the pods are made', () => podsOf('ferry') === 3);
    expect(
      Number(
        (await postgres.sql('SELECT count(*)::text AS n FROM skiff_log', 'kubernetes'))[0]?.['n'],
      ),
    ).toBeGreaterThan(100);
  });

  it('finds its state again after it was killed', async () => {
    onTestFailed(() => void (failed = true));
    cluster.k('create', 'configmap', 'cargo', '--from-literal=weight=12');
    const { metadata } = cluster.json<{ metadata: { uid: string; resourceVersion: string } }>(
      'configmap',
      'cargo',
    );
    cluster.killServer('KILL');
    cluster.startServer();
    await cluster.answers();
    expect(cluster.json('configmap', 'cargo')).toMatchObject({ metadata, data: { weight: '12' } });
    expect(podsOf('ferry')).toBe(3);
    cluster.k('scale', 'deployment', 'ferry', '--replicas=5');
    await until('the deployment has grown', () => podsOf('ferry') === 5);
  });

  it('outlives a crash of the database, and its watches do', async () => {
    onTestFailed(() => void (failed = true));
    const watching = spawn(kubectlProgram(), ['get', 'configmaps', '-o', 'name', '--watch-only'], {
      env: { ...process.env, KUBECONFIG: cluster.kubeconfig },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let seen = '';
    watching.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()));
    const one = async (name: string): Promise<void> => {
      await until(
        `${name} can be made`,
        () => cluster.kubectl(['create', 'configmap', name]).code === 0,
      );
      await until(`${name} is told to the watch`, () => seen.includes(`configmap/${name}`), {
        seen: () => seen,
      });
    };
    try {
      // The watch begins at some time; what it sees proves that it did.
      await until(
        'the watch sees something',
        () =>
          cluster.kubectl([
            'annotate',
            '--overwrite',
            'configmap',
            'cargo',
            `at=${performance.now()}`,
          ]).code === 0 && seen !== '',
      );
      await postgres.halt('immediate');
      await postgres.start();
      await one('after-crash');
      await postgres.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'skiff'",
      );
      await one('after-cut');
      expect(watching.exitCode).toBe(null);
    } finally {
      watching.kill();
    }
  });

  it('is shared by a second server, which goes on alone', async () => {
    onTestFailed(() => void (failed = true));
    await other.launch({ flags });
    await other.answers();
    expect(other.json('configmap', 'cargo')).toMatchObject({ data: { weight: '12' } });
    other.k('patch', 'configmap', 'cargo', '-p', '{"data":{"weight":"13"}}');
    expect(cluster.json('configmap', 'cargo')).toMatchObject({ data: { weight: '13' } });
    cluster.killServer('KILL');
    other.k('scale', 'deployment', 'ferry', '--replicas=2');
    const seen = (): number =>
      other.json<{ items: unknown[] }>('pods', '-l', 'app=ferry').items.length;
    await until('its controllers take over', () => seen() === 2, {
      timeoutMs: 60_000,
      seen: () => `${seen()} pods`,
    });
    cluster.startServer();
    await cluster.answers();
    expect(podsOf('ferry')).toBe(2);
  });

  it('says in one line when there is no such database server', async () => {
    onTestFailed(() => void (failed = true));
    cluster.killServer('KILL');
    const before = cluster.log().length;
    cluster.startServer([
      '--disable-agent',
      '--datastore-endpoint',
      `postgres://skiff:secret@${cluster.node.hostIp}:1/kubernetes`,
    ]);
    await until(
      'it gives up',
      () => cluster.log().slice(before).includes('cannot reach PostgreSQL skiff@'),
      { seen: () => cluster.log().slice(before) },
    );
    expect(cluster.log().slice(before)).not.toContain('secret');
  });
});
