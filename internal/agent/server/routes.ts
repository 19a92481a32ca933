import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../io/clock.ts';
import type { Dial } from '../../io/dial.ts';
import type { Disk } from '../../io/disk.ts';
import type { ServerAnswer, ServerRequest } from '../../io/https-server.ts';
import type { Log } from '../../io/log.ts';
import type { Shells } from '../shell/shells.ts';
import { serveStream } from '../streams/serve.ts';
import { refuse } from '../streams/runtime-connection.ts';
import { sayJson, sayMetrics, sayText } from './answer.ts';
import { missing, serveLogs } from './container-logs.ts';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import { serveLocalVolumes } from './local-volumes.ts';
import { cadvisorMetrics } from './cadvisor.ts';
import { agentMetrics, healthMetrics, resourceMetrics } from './metrics.ts';
import { nodeLogDir, serveNodeLogs } from './node-logs.ts';
import { readNodeUsage } from './node-usage.ts';
import type { NodeView } from './node-view.ts';
import type { OrderedUpgrades } from '../options.ts';
import type { FoundPath } from './paths.ts';
import { Rates, summary } from './stats.ts';
import { serveUpgrades } from './upgrades.ts';

export interface RouteContext {
  view: NodeView;
  dataDir: string;
  version: string;
  clock: Clock;
  disk: Disk;
  dial: Dial;
  log: Log;
  rates: Rates;
  /** Undefined: nobody gets a shell on this node. */
  shells?: Shells | undefined;
  /** Undefined: nobody orders upgrades of this machine. */
  upgrades?: OrderedUpgrades | undefined;
  /** What other parts of the node count: /metrics/NAME. */
  partMetrics?(name: string): Promise<string | undefined>;
  /** Of /logs/, when it is not the machine's. */
  nodeLogDir?: string;
}

/** A run command may take this long (kubelet: no limit; the API server's own limit is shorter). */
const runSeconds = 300;

/** Answers one request that is allowed; `found` has a path and a method of the table. */
export async function route(
  context: RouteContext,
  found: FoundPath,
  { request, answer }: { request: ServerRequest; answer: ServerAnswer },
): Promise<void> {
  const { view } = context;
  const { named } = found;
  const query = new URLSearchParams(request.url?.split('?').slice(1).join('?'));
  switch (found.first) {
    case 'healthz':
      return found.named['check'] === undefined || found.named['check'] === 'ping'
        ? sayText(answer, 200, 'ok')
        : sayText(answer, 404, '404 page not found\n');
    case 'pods':
    case 'runningpods':
      return sayJson(answer, podList(view, found.first === 'runningpods'));
    case 'configz':
      return sayJson(answer, { kubeletconfig: view.config() });
    case 'containerLogs':
      return serveLogs(
        context,
        {
          namespace: named['namespace'] ?? '',
          pod: named['pod'] ?? '',
          container: named['container'] ?? '',
          query,
        },
        answer,
      );
    case 'logs':
      return serveNodeLogs(context.nodeLogDir ?? nodeLogDir, found.rest, {
        asked: request.url ?? '',
        answer,
      });
    case 'stats':
      return sayJson(
        answer,
        summary(
          view.nodeName,
          await readNodeUsage(context),
          { pods: await view.stats(), volumes: await view.volumes() },
          context.rates,
        ),
      );
    case 'metrics':
      return metrics(context, named['which'] ?? '', answer);
    case 'localvolumes':
      return serveLocalVolumes(view, request.method ?? '', query, answer);
    case 'upgrade':
      return serveUpgrades(context.upgrades, { method: request.method ?? '', query }, answer);
    case 'run':
      return run(context, named, query, answer);
    default:
      return sayText(answer, 400, 'Upgrade request required\n');
  }
}

function podList(view: NodeView, running: boolean): Record<string, unknown> {
  const items = view.pods().filter((p) => !running || p.status.phase === 'Running');
  return { kind: 'PodList', apiVersion: 'v1', metadata: {}, items };
}

async function metrics(context: RouteContext, which: string, answer: ServerAnswer): Promise<void> {
  const { view } = context;
  if (which === 'resource')
    return sayMetrics(answer, resourceMetrics(await readNodeUsage(context), await view.stats()));
  if (which === 'cadvisor') {
    const node = await readNodeUsage(context);
    return sayMetrics(answer, cadvisorMetrics(await view.details(), node));
  }
  if (which === 'probes') return sayMetrics(answer, view.metrics().probes.text());
  if (which === 'slis') return sayMetrics(answer, healthMetrics({ ping: true }));
  const part = which === '' ? undefined : await context.partMetrics?.(which);
  if (part !== undefined) return sayMetrics(answer, part);
  if (which !== '') return sayText(answer, 404, '404 page not found\n');
  const cpu = process.cpuUsage();
  const pods = view.pods().filter((p) => p.status.phase === 'Running');
  const containers = pods.reduce(
    (n, p) => n + (p.status.containerStatuses ?? []).filter((c) => c.state?.running).length,
    0,
  );
  const own = {
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    residentBytes: process.memoryUsage.rss(),
    startSeconds: context.clock.now() / 1000 - process.uptime(),
  };
  sayMetrics(
    answer,
    agentMetrics({
      ...own,
      pods: pods.length,
      containers,
      terminated: view.terminated(),
      volumes: await view.volumes(),
      version: context.version,
      nodeName: view.nodeName,
      mounted: mountedKinds(pods),
    }) + view.metrics().own.text(),
  );
}

/** How many volumes pods have, by the kubelet's names of their plug-ins. */
function mountedKinds(pods: Pod[]): [plugin: string, count: number][] {
  const counts = new Map<string, number>();
  for (const { spec } of pods)
    for (const { name: _name, ...source } of spec.volumes ?? [])
      for (const kind of Object.keys(source)) {
        const words = kind.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
        const plugin = `kubernetes.io/${kind === 'configMap' ? 'configmap' : words}`;
        counts.set(plugin, (counts.get(plugin) ?? 0) + 1);
      }
  return [...counts];
}

async function run(
  context: RouteContext,
  named: FoundPath['named'],
  query: URLSearchParams,
  answer: ServerAnswer,
): Promise<void> {
  const { view } = context;
  const pod = podOf(view, named);
  const instance = pod && (await view.container(pod, named['container'] ?? '', false));
  if (!instance) {
    const { status, text } = missing(view, named['pod'] ?? '');
    return sayText(answer, pod ? 404 : status, pod ? 'container not found\n' : text + '\n');
  }
  const done = await view.execSync({
    containerId: instance.id,
    command: query.getAll('cmd').flatMap((c) => c.split(' ')),
    timeoutSeconds: runSeconds,
  });
  sayText(answer, 200, Buffer.concat([done.stdout, done.stderr]).toString());
}

const yes = (query: URLSearchParams, ...names: string[]): boolean =>
  names.some((n) => query.has(n) && !['false', '0'].includes(query.get(n) ?? ''));

/** The pod that a path names; one with another uid is another pod. */
function podOf(view: NodeView, named: FoundPath['named']): Pod | undefined {
  const pod = view.pod(named['namespace'] ?? '', named['pod'] ?? '');
  return named['uid'] !== undefined && pod?.metadata.uid !== named['uid'] ? undefined : pod;
}

/**
 * Only the API server names the user who asks, and it lets nobody else say so: what comes through
 * `nodes/proxy`, with the rights of the server, is not asked for as a shell is.
 */
async function shell(
  { shells }: RouteContext,
  connection: { request: IncomingMessage; socket: Duplex; head: Buffer },
): Promise<void> {
  const { request, socket } = connection;
  const user = request.headers['x-remote-user'];
  if (typeof user !== 'string' || user === '')
    return refuse(socket, 403, 'a shell is asked for at nodes/NAME/shell of the API server');
  if (!shells) return refuse(socket, 403, 'shells are switched off on this node (--disable-shell)');
  const query = new URLSearchParams(request.url?.split('?').slice(1).join('?'));
  await shells.serve({
    ...connection,
    user,
    command: query.getAll('command'),
    tty: yes(query, 'tty'),
    term: query.get('term') ?? '',
  });
}

/** Serves exec, attach and port-forward on an upgraded connection that is allowed. */
export async function routeUpgrade(
  context: RouteContext,
  found: FoundPath,
  connection: { request: IncomingMessage; socket: Duplex; head: Buffer },
): Promise<void> {
  const { request } = connection;
  const { first: kind, named } = found;
  if (kind === 'shell') return shell(context, connection);
  if (kind !== 'exec' && kind !== 'attach' && kind !== 'portForward')
    return refuse(connection.socket, 400, 'this path has nothing to upgrade to');
  const { view } = context;
  const container = named['container'] ?? '';
  const pod = podOf(view, named);
  if (!pod) {
    const { status, text } = missing(view, named['pod'] ?? '');
    return refuse(connection.socket, status, text);
  }
  const query = new URLSearchParams(request.url?.split('?').slice(1).join('?'));
  const wants = {
    stdin: yes(query, 'input', 'stdin'),
    stdout: yes(query, 'output', 'stdout'),
    stderr: yes(query, 'error', 'stderr'),
    tty: yes(query, 'tty'),
  };
  const ports = query
    .getAll('port')
    .flatMap((p) => p.split(','))
    .map(Number)
    .filter((p) => p > 0 && p < 65536);
  try {
    if (kind === 'portForward') {
      const sandboxId = await view.sandbox(pod);
      if (!sandboxId)
        return refuse(
          connection.socket,
          500,
          `unable to forward port because pod is not running. Current status=${pod.status.phase}`,
        );
      const to = await view.portForward({ sandboxId, ports });
      return await serveStream(context, { kind, url: to, ...connection, wants, ports });
    }
    const instance = await view.container(pod, container, false);
    if (!instance?.running)
      return refuse(connection.socket, 500, `container not found ("${container}")`);
    // A terminal has one output; containerd refuses a separate stderr with it.
    const streams = { ...wants, stderr: wants.stderr && !wants.tty };
    const to =
      kind === 'exec'
        ? await view.exec({
            containerId: instance.id,
            command: query.getAll('command'),
            ...streams,
          })
        : await view.attach({
            containerId: instance.id,
            ...streams,
            tty: instance.tty,
            stderr: wants.stderr && !instance.tty,
          });
    return await serveStream(context, {
      kind,
      url: to,
      ...connection,
      wants: kind === 'attach' ? { ...wants, tty: instance.tty } : wants,
      ports,
    });
  } catch (error) {
    refuse(connection.socket, 500, error instanceof Error ? error.message : String(error));
  }
}
