/**
 * A real kube-apiserver, first on skiff's store and then on etcd: Kubernetes' own tests must not
 * see a difference.
 *
 *     node test/conformance/swap.ts --instruments DIR [--etcd FILE] [--stores skiff,etcd] [--focus
 *     RE] [--skip RE] [--procs 4] [--out DIR] [--table FILE]
 *
 * DIR holds upstream's kube-apiserver, kube-controller-manager, kube-scheduler, kubectl, e2e.test,
 * ginkgo and etcd. Only tests that need no node are run. Ends with status 1 when a test passed on
 * etcd and not on skiff.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { root, until } from '../e2e/node.ts';
import { ControlPlane, etcdCommand, freePort } from './control-plane.ts';

/** Groups of the suite that need no kubelet and no pod that runs. */
const nodeless = [
  'Watchers',
  'Servers with support for API chunking',
  'Garbage collector',
  'CustomResourceDefinition',
  'CustomResourcePublishOpenAPI',
  'FieldValidation',
  'ResourceQuota',
  'Discovery',
  'server version',
  'Servers with support for Table',
  'API priority and fairness',
  'ValidatingAdmissionPolicy',
  'MutatingAdmissionPolicy',
  'Namespaces.*(finalizer|status|patch|services|update)',
  'Events',
  'Lease',
  'PodTemplates',
  'RuntimeClass.*API',
  'Ingress API',
  'IngressClass API',
  'EndpointSlice.*API',
  'ControllerRevision',
  'LimitRange',
  'PriorityClass',
  'StorageClass',
  'CSI',
  'Certificates API',
  'ServiceCIDR',
  'ServiceAccounts.*(lifecycle|update|kube-root-ca)',
  'SubjectReview',
  'DRA.*CRUD',
  'DisruptionController.*(create|list)',
];
/**
 * Of these, what wants a pod that runs: webhooks, and pods that are watched until they are gone.
 */
const nodeful = [
  'Webhook',
  'OIDC',
  'conversion',
  'FieldSelectors',
  'inline volumes',
  'unless there.*finalizers',
  '\\[Serial\\]',
];

const { values } = parseArgs({
  options: {
    instruments: { type: 'string' },
    etcd: { type: 'string' },
    stores: { type: 'string', default: 'skiff,etcd' },
    focus: { type: 'string', default: nodeless.join('|') },
    skip: { type: 'string', default: nodeful.join('|') },
    procs: { type: 'string', default: '4' },
    out: { type: 'string', default: 'swap-out' },
    table: { type: 'string' },
  },
});
if (!values.instruments) {
  process.stderr.write(
    'usage: swap.ts --instruments DIR [--etcd FILE] [--stores skiff,etcd] [--focus RE] ' +
      '[--skip RE] [--procs N] [--out DIR] [--table FILE]\n',
  );
  process.exit(1);
}
const tools = resolve(values.instruments);
const out = resolve(values.out);

/** Runs the tests on one store and returns the state of each by name. */
async function statesOn(kind: string): Promise<Map<string, string>> {
  const plane = new ControlPlane(tools, join(out, kind));
  const table = join(plane.dir, 'states.tsv');
  try {
    const port = await freePort();
    await plane.up(kind === 'etcd' ? await startEtcd(plane, port) : await startSkiff(plane, port));
    mkdirSync(join(plane.dir, 'tests'), { recursive: true });
    process.stdout.write(`${kind}: ready, the tests run\n`);
    const args = [
      '--instruments',
      tools,
      '--kubeconfig',
      plane.kubeconfig,
      '--without-nodes',
      '--procs',
      values.procs,
      '--focus',
      values.focus,
      '--skip',
      values.skip,
      '--out',
      join(plane.dir, 'tests'),
      '--table',
      table,
    ];
    spawnSync(process.execPath, [join(import.meta.dirname, 'run.ts'), ...args], {
      stdio: 'inherit',
    });
  } finally {
    await plane.stop();
  }
  if (!existsSync(table)) throw new Error(`the tests did not run: see ${plane.dir}`);
  const rows = readFileSync(table, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t'));
  return new Map(rows.map(([state, , name]) => [name as string, state as string]));
}

async function startSkiff(plane: ControlPlane, port: number): Promise<string> {
  // Over TLS and with client certificates, as clusters do it.
  const url = `https://127.0.0.1:${port}`;
  const at = (name: string): string => join(plane.dir, name);
  // Kubernetes compacts by itself; the store must not do it for it.
  plane.start('store', [
    process.env['SKIFF_TEST_BINARY'] ?? join(root, 'dist/skiff'),
    'datastore',
    '--data-dir',
    at('data'),
    '--listen-client-urls',
    url,
    '--auto-compaction-retention',
    '0',
    '--cert-file',
    at('server.crt'),
    '--key-file',
    at('server.key'),
    '--trusted-ca-file',
    at('ca.crt'),
  ]);
  await until('the store serves', () =>
    readFileSync(join(plane.dir, 'store.log'), 'utf8').includes('serving etcd v3'),
  );
  return url;
}

async function startEtcd(plane: ControlPlane, port: number): Promise<string> {
  const url = `http://127.0.0.1:${port}`;
  plane.start(
    'store',
    await etcdCommand({
      binary: values.etcd ?? join(tools, 'etcd'),
      dataDir: join(plane.dir, 'data'),
      listen: url,
    }),
  );
  await until('etcd serves', async () => (await fetch(`${url}/health`)).ok);
  return url;
}

const stores = values.stores.split(',');
const seen = new Map<string, Map<string, string>>();
for (const kind of stores) seen.set(kind, await statesOn(kind));
const names = [...new Set([...seen.values()].flatMap((states) => [...states.keys()]))].sort();
const stateOf = (kind: string, name: string): string => seen.get(kind)?.get(name) ?? 'not run';
const rows = names.map((name) => [...stores.map((kind) => stateOf(kind, name)), name].join('\t'));
if (values.table)
  writeFileSync(values.table, `${[...stores, 'test'].join('\t')}\n${rows.join('\n')}\n`);
const differs = names.filter((name) => new Set(stores.map((kind) => stateOf(kind, name))).size > 1);
for (const name of differs)
  process.stdout.write(
    `differs: ${stores.map((kind) => `${kind} ${stateOf(kind, name)}`).join(', ')}: ${name}\n`,
  );
for (const kind of stores)
  process.stdout.write(
    `${kind}: ${names.filter((name) => stateOf(kind, name) === 'passed').length} of ` +
      `${names.length} passed\n`,
  );
process.exit(
  names.some(
    (name) =>
      stateOf('etcd', name) === 'passed' &&
      stateOf('skiff', name) !== 'passed' &&
      stores.length > 1,
  )
    ? 1
    : 0,
);
