import { registryRoot } from '../../api/registry-key.ts';
import { messageOf } from '../../base/errors.ts';
import type { StartedPart } from '../lifecycle.ts';
import type { Server } from '../server.ts';
import { send, type Exchange } from './exchange.ts';
import type { Paths } from './paths.ts';

const text = 'text/plain; charset=utf-8';

type Kind = 'healthz' | 'livez' | 'readyz';
/** Undefined when healthy, else what is wrong. */
type Check = () => Promise<string | undefined> | string | undefined;

/**
 * A store that has not answered by then does not answer. Below a second, which is how long the
 * kubelet's probes wait; kube-apiserver's is two.
 */
const storeAnswersWithinMs = 700;

/** kube-apiserver's names for what must have been started, and the part that does it here. */
const startHooks: readonly [name: string, part: StartedPart][] = [
  ['poststarthook/start-apiserver-admission-initializer', 'admission'],
  ['poststarthook/generic-apiserver-start-informers', 'caches'],
  ['poststarthook/storage-readiness', 'caches'],
  ['poststarthook/start-apiextensions-informers', 'definitions'],
  ['poststarthook/start-apiextensions-controllers', 'definitions'],
  ['poststarthook/crd-informer-synced', 'definitions'],
  ['poststarthook/start-system-namespaces-controller', 'objects'],
  ['poststarthook/start-cluster-authentication-info-controller', 'objects'],
  ['poststarthook/start-legacy-token-tracking-controller', 'objects'],
  ['poststarthook/start-service-ip-repair-controllers', 'objects'],
  ['poststarthook/rbac/bootstrap-roles', 'objects'],
  ['poststarthook/scheduling/bootstrap-system-priority-classes', 'objects'],
  ['poststarthook/bootstrap-controller', 'objects'],
  ['poststarthook/start-kubernetes-service-cidr-controller', 'objects'],
  ['poststarthook/start-kube-aggregator-informers', 'aggregation'],
  ['poststarthook/apiservice-status-local-available-controller', 'aggregation'],
  ['poststarthook/apiservice-status-remote-available-controller', 'aggregation'],
  ['poststarthook/apiservice-registration-controller', 'aggregation'],
  ['poststarthook/apiservice-discovery-controller', 'aggregation'],
  ['poststarthook/kube-apiserver-autoregistration', 'objects'],
  ['autoregister-completion', 'objects'],
  ['poststarthook/apiservice-openapi-controller', 'documents'],
  ['poststarthook/apiservice-openapiv3-controller', 'documents'],
];

/** Whether the store answers: with an etcd whose majority is away a server cannot do its work. */
async function storeAnswers(server: Server): Promise<string | undefined> {
  const { store, clock } = server.core;
  const done = new AbortController();
  const asked = store.range({ key: `${registryRoot}health` }).then(
    () => undefined,
    (error: unknown) => messageOf(error),
  );
  const late = clock
    .sleep('health', storeAnswersWithinMs, done.signal)
    .then(() => 'no answer in time');
  return await Promise.race([asked, late]).finally(() => done.abort());
}

function checksOf(server: Server, kind: Kind): Map<string, Check> {
  // One question for all checks of one look.
  let asked: Promise<string | undefined> | undefined;
  const store = (): Promise<string | undefined> => (asked ??= storeAnswers(server));
  const started =
    (part: StartedPart): Check =>
    () =>
      server.life.has(part) ? undefined : 'not finished';
  const checks = new Map<string, Check>([
    ['ping', () => undefined],
    ['log', () => undefined],
    ['etcd', store],
  ]);
  if (kind === 'readyz') {
    checks.set('etcd-readiness', store);
    checks.set('informer-sync', started('caches'));
  }
  for (const [name, part] of startHooks) checks.set(name, started(part));
  if (kind === 'readyz') {
    for (const [name, check] of Object.entries(server.options.readyChecks ?? {}))
      checks.set(name, check);
    checks.set('shutdown', () => (server.life.stopping ? 'process is shutting down' : undefined));
  }
  return checks;
}

/** The results of each check, for /metrics/slis. */
class HealthResults {
  readonly #last = new Map<string, boolean>();
  readonly #totals = new Map<string, number>();

  /** Runs a check and keeps its result. */
  async of(kind: Kind, name: string, check: Check): Promise<string | undefined> {
    const wrong = await check();
    const labels = `name="${name}",type="${kind}"`;
    this.#last.set(labels, wrong === undefined);
    const status = wrong === undefined ? 'success' : 'error';
    const total = `name="${name}",status="${status}",type="${kind}"`;
    this.#totals.set(total, (this.#totals.get(total) ?? 0) + 1);
    return wrong;
  }

  text(): string {
    const lines = [
      '# HELP kubernetes_healthcheck [STABLE] This metric records the result of a single ' +
        'healthcheck.',
      '# TYPE kubernetes_healthcheck gauge',
    ];
    for (const [labels, well] of this.#last)
      lines.push(`kubernetes_healthcheck{${labels}} ${well ? 1 : 0}`);
    lines.push(
      '# HELP kubernetes_healthchecks_total [STABLE] This metric records the results of all ' +
        'healthcheck.',
      '# TYPE kubernetes_healthchecks_total counter',
    );
    for (const [labels, count] of this.#totals)
      lines.push(`kubernetes_healthchecks_total{${labels}} ${count}`);
    return `${lines.join('\n')}\n`;
  }
}

/**
 * /healthz, /livez, /readyz, with ?verbose, ?exclude and one path per check; /metrics/slis says how
 * they went.
 */
export function addHealthPaths(paths: Paths): void {
  const results = new HealthResults();
  const kinds = ['healthz', 'livez', 'readyz'] as const;
  for (const kind of kinds) {
    paths.exact.set(`/${kind}`, (server, exchange) => answer(server, exchange, kind, results));
    paths.below.push([
      `/${kind}/`,
      (server, exchange) => answerOne(server, exchange, kind, results),
    ]);
  }
  paths.exact.set('/metrics/slis', async (server, exchange) => {
    // Each scrape is a sample of its own: nobody else may be asking.
    for (const kind of kinds)
      for (const [name, check] of checksOf(server, kind)) await results.of(kind, name, check);
    send(exchange, 200, 'text/plain; version=0.0.4; charset=utf-8', results.text());
  });
}

async function answer(
  server: Server,
  exchange: Exchange,
  kind: Kind,
  results: HealthResults,
): Promise<void> {
  const { query } = exchange.info;
  const exclude = new Set(query.get('exclude') ?? []);
  let failed = 0;
  // All at once: the caller waits for the slowest of them, not for their sum.
  const one = async ([name, check]: [string, Check]): Promise<string> => {
    if (exclude.delete(name)) return `[+]${name} excluded: ok`;
    const wrong = await results.of(kind, name, check);
    if (wrong !== undefined) failed++;
    return wrong === undefined ? `[+]${name} ok` : `[-]${name} failed: reason withheld`;
  };
  const lines = await Promise.all([...checksOf(server, kind)].map(one));
  if (exclude.size)
    lines.push(
      'warn: some health checks cannot be excluded: no matches for ' +
        `${[...exclude].map((name) => JSON.stringify(name)).join(', ')}`,
    );
  const extra = { 'x-content-type-options': 'nosniff' };
  if (failed)
    return send(exchange, 500, text, `${lines.join('\n')}\n${kind} check failed\n`, extra);
  send(
    exchange,
    200,
    text,
    query.has('verbose') ? `${lines.join('\n')}\n${kind} check passed\n` : 'ok',
    extra,
  );
}

async function answerOne(
  server: Server,
  exchange: Exchange,
  kind: Kind,
  results: HealthResults,
): Promise<void> {
  const name = exchange.info.path.slice(kind.length + 2);
  const check = checksOf(server, kind).get(name);
  if (!check) return send(exchange, 404, text, '404 page not found\n');
  const wrong = await results.of(kind, name, check);
  send(
    exchange,
    wrong === undefined ? 200 : 500,
    text,
    wrong === undefined ? 'ok' : `internal server error: ${wrong}\n`,
  );
}
