import type { Server } from '../server.ts';
import { send, type Exchange } from './exchange.ts';
import type { Paths } from './serve.ts';

const text = 'text/plain; charset=utf-8';

type Checks = Record<string, () => string | undefined>;

function checksOf(server: Server, kind: 'healthz' | 'livez' | 'readyz'): Checks {
  const checks: Checks = { ping: () => undefined, log: () => undefined, etcd: () => undefined };
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

function answer(server: Server, exchange: Exchange, kind: 'healthz' | 'livez' | 'readyz'): void {
  const { query } = exchange.info;
  const exclude = new Set(query.get('exclude') ?? []);
  const lines: string[] = [];
  let failed = 0;
  for (const [name, check] of Object.entries(checksOf(server, kind))) {
    if (exclude.has(name)) {
      lines.push(`[+]${name} excluded: ok`);
      continue;
    }
    const wrong = check();
    if (wrong !== undefined) failed++;
    lines.push(wrong === undefined ? `[+]${name} ok` : `[-]${name} failed: reason withheld`);
  }
  const extra = { 'x-content-type-options': 'nosniff' };
  if (failed) return send(exchange, 500, text, `${lines.join('\n')}\n${kind} check failed\n`, extra);
  send(exchange, 200, text, query.has('verbose') ? `${lines.join('\n')}\n${kind} check passed\n` : 'ok', extra);
}

function answerOne(server: Server, exchange: Exchange, kind: 'healthz' | 'livez' | 'readyz'): void {
  const name = exchange.info.path.slice(kind.length + 2);
  const check = checksOf(server, kind)[name];
  if (!check) return send(exchange, 404, text, '404 page not found\n');
  const wrong = check();
  send(exchange, wrong === undefined ? 200 : 500, text, wrong === undefined ? 'ok' : `internal server error: ${wrong}\n`);
}
