/**
 * What a call of a part of the server's own process costs: microseconds of processor time each, on
 * a store in memory. Usage: in-process.ts [ROUNDS] [OF, a checkout to compare with]. With OF both
 * take turns in processes of their own, and the ratio is told.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const perRound = 400;
const here = join(import.meta.dirname, '../..');
/** The checkout that is measured. */
const root = process.env['BENCH_ROOT'] ?? here;
const [rounds = '5', of] = process.argv.slice(2);

type Costs = Record<string, number>;

/** The processor time of one call, the least of some rounds: what disturbs only adds. */
async function cost(times: number, run: (i: number) => Promise<unknown>): Promise<number> {
  let least = Infinity;
  for (let round = 0; round < times; round++) {
    const before = process.cpuUsage();
    for (let i = 0; i < perRound; i++) await run(round * perRound + i);
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / perRound);
  }
  return least;
}

async function measure(times: number): Promise<Costs> {
  const { startDevServer } = (await import(join(root, 'internal/apiserver/dev.ts'))) as {
    startDevServer: typeof import('../../internal/apiserver/dev.ts').startDevServer;
  };
  const dev = await startDevServer();
  const client = dev.api.inProcess({ name: 'admin', groups: ['system:masters'] });
  const ref = (resource: string, kind: string, group = '', namespaced = true) => ({
    group,
    version: 'v1',
    resource,
    kind,
    namespaced,
  });
  const [maps, pods] = [ref('configmaps', 'ConfigMap'), ref('pods', 'Pod')];
  const accounts = ref('serviceaccounts', 'ServiceAccount');
  const deployments = ref('deployments', 'Deployment', 'apps');
  const reviews = ref(
    'selfsubjectaccessreviews',
    'SelfSubjectAccessReview',
    'authorization.k8s.io',
    false,
  );
  const at = (name: string, subresource?: string) => ({ namespace: 'default', name, subresource });
  const metadata = (name: string) => ({ name, namespace: 'default' });
  await client.create(accounts, { metadata: metadata('default') });
  await client.create(maps, { metadata: metadata('m'), data: { a: 'x'.repeat(900) } });
  const labels = { app: 'd' };
  const spec = { containers: [{ name: 'c', image: 'i' }] };
  const template = { metadata: { labels }, spec };
  await client.create(deployments, {
    metadata: metadata('d'),
    spec: { replicas: 1, selector: { matchLabels: labels }, template },
  });
  for (let i = 0; i < times * perRound; i++)
    await client.create(pods, { metadata: metadata(`p${i}`), spec });
  const costs: Costs = {
    get: await cost(times, () => client.get(maps, at('m'))),
    list: await cost(times, () => client.list(maps, { namespace: 'default' })),
    create: await cost(times, (i) => client.create(maps, { metadata: metadata(`m${i}`) })),
    'merge patch': await cost(times, (i) =>
      client.patch(maps, at('m'), { type: 'merge', body: { data: { b: String(i) } } }),
    ),
    'get a scale': await cost(times, () => client.get(deployments, at('d', 'scale'))),
    'access review': await cost(times, () =>
      client.create(reviews, { spec: { nonResourceAttributes: { path: '/', verb: 'get' } } }),
    ),
    binding: await cost(times, (i) =>
      client.create(
        pods,
        { metadata: metadata(`p${i}`), target: { kind: 'Node', name: 'n' } },
        at(`p${i}`, 'binding'),
      ),
    ),
  };
  await dev.api.close();
  return costs;
}

if (of === undefined) tell(await measure(Number(rounds)));
else {
  const least: Costs[] = [{}, {}];
  for (let turn = 0; turn < 3; turn++)
    [here, of].forEach((where, i) => {
      const into = least[i] as Costs;
      for (const [name, us] of Object.entries(inProcessOf(where)))
        into[name] = Math.min(into[name] ?? Infinity, us);
    });
  tell(least[0] as Costs, least[1]);
}

/** The same measurement of another checkout. */
function inProcessOf(where: string): Costs {
  const script = join(import.meta.dirname, 'in-process.ts');
  const done = spawnSync(process.execPath, [script, rounds], {
    encoding: 'utf8',
    env: { ...process.env, BENCH_ROOT: where, BENCH_JSON: '1' },
  });
  return JSON.parse(done.stdout) as Costs;
}

function tell(costs: Costs, other?: Costs): void {
  if (process.env['BENCH_JSON']) return void process.stdout.write(JSON.stringify(costs));
  for (const [name, us] of Object.entries(costs)) {
    const before = other?.[name];
    const there =
      before === undefined
        ? ''
        : `, there ${before.toFixed(1)} us, ratio ${(us / before).toFixed(2)}`;
    process.stdout.write(`${name.padEnd(14)} ${us.toFixed(1)} us${there}\n`);
  }
}
