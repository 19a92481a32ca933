import { own } from '../../base/own.ts';
import { messageOf } from '../../base/errors.ts';
import type { Server } from '../server.ts';
import { send, type Exchange } from './exchange.ts';
import type { Paths } from './serve.ts';

const text = 'text/plain; charset=utf-8';

type Check = () => Promise<string | undefined> | string | undefined;
type Checks = Record<string, Check>;

/** A store that has not answered by then does not answer (kube-apiserver: --etcd-readycheck-timeout). */
const storeAnswersWithinMs = 2_000;

/** Whether the store answers: with an etcd whose majority is away a server cannot do its work. */
async function storeAnswers(server: Server): Promise<string | undefined> {
  const { store, clock } = server.core;
  const done = new AbortController();
  const asked = store.range({ key: '/registry/health' }).then(() => undefined, (error: unknown) => messageOf(error));
  const late = clock.sleep('health', storeAnswersWithinMs, done.signal).then(() => 'no answer in time');
  return await Promise.race([asked, late]).finally(() => done.abort());
}

function checksOf(server: Server, kind: 'healthz' | 'livez' | 'readyz'): Checks {
  const checks: Checks = { ping: () => undefined, log: () => undefined, etcd: () => storeAnswers(server) };
  checks['poststarthook/rbac/bootstrap-roles'] = () => (server.ready ? undefined : 'not finished');
  if (kind === 'readyz') {
    Object.assign(checks, server.options.readyChecks);
    checks['shutdown'] = () => undefined;
  }
  return checks;
}

/** /healthz, /livez, /readyz, with ?verbose, ?exclude and one path per check. */
export function addHealthPaths(paths: Paths): void {
  for (const kind of ['healthz', 'livez', 'readyz'] as const) {
    paths.exact.set(`/${kind}`, (server, exchange) => answer(server, exchange, kind));
    paths.below.push([`/${kind}/`, (server, exchange) => answerOne(server, exchange, kind)]);
  }
}

async function answer(server: Server, exchange: Exchange, kind: 'healthz' | 'livez' | 'readyz'): Promise<void> {
  const { query } = exchange.info;
  const exclude = new Set(query.get('exclude') ?? []);
  const lines: string[] = [];
  let failed = 0;
  for (const [name, check] of Object.entries(checksOf(server, kind))) {
    if (exclude.has(name)) {
      lines.push(`[+]${name} excluded: ok`);
      continue;
    }
    const wrong = await check();
    if (wrong !== undefined) failed++;
    lines.push(wrong === undefined ? `[+]${name} ok` : `[-]${name} failed: reason withheld`);
  }
  const extra = { 'x-content-type-options': 'nosniff' };
  if (failed) return send(exchange, 500, text, `${lines.join('\n')}\n${kind} check failed\n`, extra);
  send(exchange, 200, text, query.has('verbose') ? `${lines.join('\n')}\n${kind} check passed\n` : 'ok', extra);
}

async function answerOne(server: Server, exchange: Exchange, kind: 'healthz' | 'livez' | 'readyz'): Promise<void> {
  const name = exchange.info.path.slice(kind.length + 2);
  const check = own(checksOf(server, kind), name);
  if (!check) return send(exchange, 404, text, '404 page not found\n');
  const wrong = await check();
  send(exchange, wrong === undefined ? 200 : 500, text, wrong === undefined ? 'ok' : `internal server error: ${wrong}\n`);
}
