/**
 * What a real kube-apiserver stored, read by skiff: an etcd that it filled is snapshotted, and
 * skiff takes it over in three ways: by `migrate k3s` from the snapshot, by `migrate k3s` from the
 * same keys and values in SQLite as kine keeps them, and by `--cluster-reset-restore-path`.
 *
 *     node test/conformance/takeover.ts --instruments DIR [--out DIR]        (as root)
 *
 * DIR holds upstream's kube-apiserver, kube-controller-manager, kube-scheduler, kubectl, etcd and
 * etcdctl. Ends with status 1 when an object is missing or differs, apart from those that each
 * server writes for itself.
 */
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { writeKineFile } from '../../internal/store/sqlite/kine-file.fake.ts';
import { root, until } from '../e2e/node.ts';
import { ControlPlane, etcdCommand, freePort } from './control-plane.ts';

const { values } = parseArgs({
  options: { instruments: { type: 'string' }, out: { type: 'string', default: 'takeover-out' } },
});
if (!values.instruments) {
  process.stderr.write('usage: takeover.ts --instruments DIR [--out DIR]\n');
  process.exit(1);
}
const tools = resolve(values.instruments);
const plane = new ControlPlane(tools, resolve(values.out));
const at = (...parts: string[]): string => join(plane.dir, ...parts);

interface Item {
  kind: string;
  metadata: { name: string; namespace?: string; resourceVersion?: string };
}

function run(command: string[]): string {
  const { status, stdout, stderr } = spawnSync(command[0] as string, command.slice(1), {
    encoding: 'utf8',
    env: { ...process.env, ETCDCTL_API: '3' },
    maxBuffer: 256 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(`${command.slice(0, 4).join(' ')}: ${stderr}`);
  return stdout;
}

const kubectl = (kubeconfig: string, ...args: string[]): string =>
  run([join(tools, 'kubectl'), `--kubeconfig=${kubeconfig}`, ...args]);
const skiff = (...args: string[]): string[] => [
  process.execPath,
  join(root, 'cmd/skiff.ts'),
  ...args,
];
/** Written by each server for itself, or all the time. */
const own =
  /^(Endpoints|EndpointSlice|Service) default\/kubernetes$|extension-apiserver-authentication|^(Lease|Event|ComponentStatus|IPAddress) /;
const nameOf = ({ kind, metadata }: Item): string =>
  `${kind} ${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name}`;

function objectsOf(kubeconfig: string): Map<string, Item> {
  const found = new Map<string, Item>();
  for (const resource of kubectl(kubeconfig, 'api-resources', '--verbs=list', '-o', 'name')
    .trim()
    .split('\n')) {
    const { items } = JSON.parse(kubectl(kubeconfig, 'get', resource, '-A', '-o', 'json')) as {
      items: Item[];
    };
    for (const item of items) {
      delete item.metadata.resourceVersion;
      if (!own.test(nameOf(item))) found.set(`${resource} ${nameOf(item)}`, item);
    }
  }
  return found;
}

/**
 * Serves what is in `dataDir`, without node and controllers, and compares. Returns how many objects
 * are not as they were.
 */
async function compare(way: string, dataDir: string, wanted: Map<string, Item>): Promise<number> {
  const port = String(await freePort());
  const kubeconfig = at(`${way}.kubeconfig`);
  writeFileSync(at('empty.yaml'), '');
  const server = spawn(
    process.execPath,
    skiff(
      'server',
      '-c',
      at('empty.yaml'),
      '--data-dir',
      dataDir,
      '--run-dir',
      at('run'),
      '--disable-agent',
      '--disable-scheduler',
      '--disable-controller-manager',
      '--bind-address',
      '127.0.0.1',
      '--node-ip',
      '127.0.0.1',
      '--https-listen-port',
      port,
      '--write-kubeconfig',
      kubeconfig,
    ).slice(1),
    { stdio: 'ignore' },
  );
  try {
    await until(
      `skiff serves (${way})`,
      () =>
        spawnSync(
          join(tools, 'kubectl'),
          [`--kubeconfig=${kubeconfig}`, 'get', '--raw', '/readyz'],
          { encoding: 'utf8' },
        ).stdout === 'ok',
    );
    const found = objectsOf(kubeconfig);
    const wrong = [...wanted]
      .filter(([name, item]) => !isDeepStrictEqual(found.get(name), item))
      .map(([name]) => name);
    for (const name of wrong)
      process.stdout.write(`${way}: ${found.has(name) ? 'differs' : 'is missing'}: ${name}\n`);
    process.stdout.write(
      `${way}: ${wanted.size - wrong.length} of ${wanted.size} objects are as they were\n`,
    );
    return wrong.length;
  } finally {
    const ended = new Promise((done) => server.once('exit', done));
    server.kill('SIGTERM');
    await ended;
  }
}

/** A folder as k3s leaves it, with the authorities of the plane. */
function k3sFolder(name: string): string {
  mkdirSync(at(name, 'server/tls'), { recursive: true });
  mkdirSync(at(name, 'server/db'), { recursive: true });
  for (const ca of ['server-ca', 'client-ca', 'request-header-ca'])
    for (const end of ['crt', 'key'])
      copyFileSync(at(`ca.${end}`), at(name, `server/tls/${ca}.${end}`));
  copyFileSync(at('sa.key'), at(name, 'server/tls/service.key'));
  return at(name);
}

let wrong = 0;
try {
  const etcd = `http://127.0.0.1:${await freePort()}`;
  plane.start(
    'etcd',
    await etcdCommand({ binary: join(tools, 'etcd'), dataDir: at('etcd'), listen: etcd }),
  );
  await plane.up(etcd);
  kubectl(plane.kubeconfig, 'apply', '-f', join(import.meta.dirname, 'takeover-objects.yaml'));
  writeFileSync(
    at('boat.yaml'),
    'apiVersion: example.com/v1\nkind: Boat\nmetadata: {name: b, namespace: app}\nspec: {}\n',
  );
  await until(
    'the definition serves',
    () => kubectl(plane.kubeconfig, 'apply', '-f', at('boat.yaml')) !== '',
  );
  // What is compared must not change any more.
  await plane.stopPrograms(['kube-controller-manager', 'kube-scheduler']);
  const wanted = objectsOf(plane.kubeconfig);
  await plane.stopPrograms(['kube-apiserver']);
  const etcdctl = (...args: string[]): string =>
    run([join(tools, 'etcdctl'), '--endpoints', etcd, ...args]);
  etcdctl('snapshot', 'save', at('snapshot.db'));
  const { kvs } = JSON.parse(etcdctl('get', '', '--prefix', '-w', 'json')) as {
    kvs: { key: string; value?: string; lease?: number; mod_revision: number }[];
  };
  const migrate = (from: string, to: string, ...more: string[]): string =>
    run(
      skiff(
        'migrate',
        'k3s',
        '--from',
        from,
        '--config-dir',
        at('none'),
        '--unit',
        at('none/unit'),
        '--config',
        at(`${to}.yaml`),
        '--data-dir',
        at(to),
        '--run-dir',
        at('run'),
        ...more,
      ),
    );
  migrate(k3sFolder('k3s-etcd'), 'from-etcd', '--datastore', at('snapshot.db'));
  wrong += await compare('migrate from etcd', at('from-etcd'), wanted);
  const inOrder = kvs
    .sort((a, b) => a.mod_revision - b.mod_revision)
    .map(({ key, value = '', lease }) => ({
      name: Buffer.from(key, 'base64').toString(),
      value: Buffer.from(value, 'base64'),
      ...(lease && { lease: 3600 }),
    }));
  (await writeKineFile(join(k3sFolder('k3s-kine'), 'server/db/state.db'), inOrder)).close();
  migrate(at('k3s-kine'), 'from-kine');
  wrong += await compare('migrate from SQLite', at('from-kine'), wanted);
  run(
    skiff(
      'server',
      '-c',
      at('empty.yaml'),
      '--data-dir',
      at('restored'),
      '--run-dir',
      at('run'),
      '--node-ip',
      '127.0.0.1',
      '--cluster-reset',
      '--cluster-reset-restore-path',
      at('snapshot.db'),
    ),
  );
  wrong += await compare('restore', at('restored'), wanted);
} finally {
  await plane.stop();
}
process.exit(wrong === 0 ? 0 : 1);
