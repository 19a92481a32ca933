import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { ConfigError, messageOf } from '../base/errors.ts';
import type { Clock, Timer } from '../io/clock.ts';
import type { Disk } from '../io/disk.ts';
import type { Log } from '../io/log.ts';
import type { Processes } from '../io/processes.ts';
import type { Spawn } from '../io/spawn.ts';
import type { EtcdIdentities } from '../pki/etcd-authority.ts';
import { EtcdConnection } from './client/connection.ts';
import {
  announce,
  clientTls,
  listMembers,
  promote,
  readdress,
  type EtcdCluster,
} from './members.ts';

const firstRestartMs = 500;
/** A full disk is free again some time, and a try costs a tenth of a second of processor. */
const mostRestartMs = 5_000;
/** From the request to end to SIGKILL; less than a part of the server has for its end. */
const endsWithinMs = 3000;
/** Nobody tells of a process that was stopped: it is the one thing that is looked for. */
const lookEveryMs = 10_000;
/** Others join and move while this server runs; the file is written only when it differs. */
const noteEveryMs = 60_000;
/** A run of this length forgives the failures before it. */
const steadyMs = 60_000;
const readyPollMs = 200;
const defaultReadyMs = 60_000;
/** After a power cut at a whole site the servers come back minutes apart. */
const othersReadyMs = 600_000;
const patienceMs = 15_000;
const orphanEndsWithinMs = 10_000;
/** k3s' figures: the servers of a small cluster may be far apart, and their disks slow. */
const heartbeatMs = 500;
const electionMs = 5_000;

export interface ManagedEtcdOptions {
  dir: string;
  /** Folder of the PEM files of `identities`. */
  tlsDir: string;
  identities: EtcdIdentities;
  name: string;
  /** Where clients on this machine reach it; further ones for the other servers. */
  clientUrl: string;
  moreClientUrls?: string[];
  peerUrl: string;
  /**
   * Where an existing cluster answers: this member joins it. Without it, it begins one of its own.
   */
  join?: { endpoints: string[] };
  /** Start alone with the data that is there: the way back after most members were lost. */
  forceNewCluster?: boolean;
  /** How long a new member may take to find its cluster. */
  readyMs?: number;
  /** More flags of etcd, by their names without dashes. */
  tuning?: Record<string, string>;
  binary?: string;
  clock: Clock;
  disk: Disk;
  spawn: Spawn;
  processes: Processes;
  log: Log;
}

export interface ManagedEtcd {
  endpoint: string;
  /** The process of the moment. */
  readonly pid: number | undefined;
  /** The machine has another address: the member listens there, and the others are told. */
  readdress(
    urls: Pick<ManagedEtcdOptions, 'clientUrl' | 'moreClientUrls' | 'peerUrl'>,
  ): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Runs a real etcd (Debian's etcd-server) as a member of a cluster, and starts it again when it
 * ends.
 */
export async function startManagedEtcd(options: ManagedEtcdOptions): Promise<ManagedEtcd> {
  await endOrphans(options);
  let known = await hasData(options);
  const told = options.join?.endpoints ?? [];
  const peers = told.length > 0 ? told : await knownPeers(options);
  const cluster: EtcdCluster = {
    endpoints: peers,
    tls: clientTls(options.identities),
    clock: options.clock,
  };
  if (known && !options.forceNewCluster && (await wasRemoved(options, cluster))) {
    await layAside(options);
    known = false;
  }
  await checkProgram(options);
  // After a change of address the others would call in vain; they can be told before this member is
  // up.
  if (known && peers.length > 0) await moved(options, cluster).catch(() => undefined);
  const joins = options.join !== undefined && !known;
  if (joins) await writePeers(options, peers);
  const initial = joins ? await letIn(options, cluster) : `${options.name}=${options.peerUrl}`;
  const member = new MemberProcess(options, argumentsOf(options, initial, joins));
  member.start();
  try {
    await ready(options, cluster, known && peers.length > 0 ? othersReadyMs : defaultReadyMs);
  } catch (error) {
    await member.stop();
    throw error;
  }
  await moved(options, { ...cluster, endpoints: [member.endpoint] });
  await notePeers(options);
  return member;
}

async function moved(
  { name, peerUrl, log }: ManagedEtcdOptions,
  cluster: EtcdCluster,
): Promise<void> {
  if (await readdress(cluster, name, peerUrl))
    log.info('the address of this member has changed', { peerUrl });
}

/**
 * The others are asked before this member: it listens where the machine is no more, so that nobody
 * may answer it.
 */
async function tellOthers(options: ManagedEtcdOptions, own: string): Promise<void> {
  const cluster = { tls: clientTls(options.identities), clock: options.clock };
  const others = await otherMembers(options, own).catch(() => knownPeers(options));
  let failed: unknown;
  for (const endpoint of [...others, own]) {
    try {
      return await moved(options, { ...cluster, endpoints: [endpoint] });
    } catch (error) {
      failed = error;
    }
  }
  throw failed;
}

async function checkProgram({ spawn, binary = 'etcd' }: ManagedEtcdOptions): Promise<void> {
  try {
    await spawn.run('etcd', [binary, '--version']);
  } catch (cause) {
    throw new ConfigError(`etcd cannot be run: ${messageOf(cause)}`, {
      op: 'etcd',
      cause,
      hint: 'install the package etcd-server',
    });
  }
}

async function letIn(options: ManagedEtcdOptions, cluster: EtcdCluster): Promise<string> {
  try {
    return await announce(cluster, { ...options, withinMs: options.readyMs ?? defaultReadyMs });
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    throw new ConfigError(
      `the etcd of the cluster does not take this server: ${messageOf(cause)}`,
      {
        op: 'etcd.join',
        cause,
        hint:
          'most members of the cluster must be up, and their ports 2379 and 2380 open to this ' +
          'machine',
      },
    );
  }
}

export async function hasData({
  disk,
  dir,
}: Pick<ManagedEtcdOptions, 'disk' | 'dir'>): Promise<boolean> {
  return (await disk.stat('etcd', join(dir, 'member'))) !== undefined;
}

/** How we reach our own member: by a name, because TLS knows no names that are addresses. */
function endpointOf({ clientUrl }: Pick<ManagedEtcdOptions, 'clientUrl'>): string {
  return clientUrl.replace('//127.0.0.1:', '//localhost:');
}

/**
 * An etcd outlives a server that was killed: it goes on as a member, and makes way when its server
 * is back.
 */
export async function endOrphans({
  dir,
  processes,
  clock,
  log,
}: Pick<ManagedEtcdOptions, 'dir' | 'processes' | 'clock'> & { log?: Log }): Promise<void> {
  const view = await processes.mountNamespace(process.pid);
  for (const { pid, command } of await processes.list('etcd')) {
    if (
      !/(^|\/)etcd$/.test(command[0] ?? '') ||
      !command.includes(`--data-dir=${dir}`) ||
      (await processes.mountNamespace(pid)) !== view
    )
      continue;
    log?.info('an etcd of an earlier run is ended', { pid });
    processes.kill('etcd', pid, 'SIGTERM');
    const end = clock.monotonicMs() + orphanEndsWithinMs;
    while (processes.alive(pid) && clock.monotonicMs() < end)
      await clock.sleep('etcd.orphan', readyPollMs / 10);
    if (processes.alive(pid)) processes.kill('etcd', pid, 'SIGKILL');
  }
}

/** Beside the data, not in it: etcd's folder is etcd's. */
const peersFile = (dir: string): string => `${dir}-peers.json`;

async function knownPeers({ disk, dir }: ManagedEtcdOptions): Promise<string[]> {
  const text = (await disk.readIfThere('etcd', peersFile(dir)))?.toString() ?? '[]';
  try {
    return (JSON.parse(text) as unknown[]).filter((one) => typeof one === 'string');
  } catch {
    return []; // it only helps; it is written again below
  }
}

async function writePeers({ disk, dir }: ManagedEtcdOptions, endpoints: string[]): Promise<void> {
  await disk.writeAtomic('etcd', peersFile(dir), JSON.stringify(endpoints), { mode: 0o600 });
}

/**
 * Where the others answer, for the next start: whether this member still is one only they can say.
 */
async function notePeers(options: ManagedEtcdOptions): Promise<void> {
  const others = await otherMembers(options, endpointOf(options));
  if (JSON.stringify(others) !== JSON.stringify(await knownPeers(options)))
    await writePeers(options, others);
}

/** Where the others answer, as the member at `own` knows them. */
async function otherMembers(options: ManagedEtcdOptions, own: string): Promise<string[]> {
  const members = await listMembers({
    endpoints: [own],
    tls: clientTls(options.identities),
    clock: options.clock,
  });
  return members
    .filter((m) => m.name !== options.name)
    .flatMap((m) => m.clientURLs)
    .sort();
}

async function wasRemoved(options: ManagedEtcdOptions, cluster: EtcdCluster): Promise<boolean> {
  if (cluster.endpoints.length === 0) return false;
  try {
    return !(await listMembers(cluster)).some(
      (m) => m.peerURLs.includes(options.peerUrl) || m.name === options.name,
    );
  } catch {
    return false; // nobody is up to ask
  }
}

async function layAside({
  dir,
  join: joins,
  spawn,
  clock,
  log,
}: ManagedEtcdOptions): Promise<void> {
  if (!joins)
    throw new ConfigError('this server was removed from its cluster', {
      op: 'etcd',
      hint: 'start it with --server https://<another server>:6443 to join again',
    });
  const aside = `${dir}-removed-${clock.now()}`;
  await spawn.run('etcd', ['mv', dir, aside]);
  log.warn('this server was removed from its cluster and joins again; its old data is kept', {
    dir: aside,
  });
}

function argumentsOf(o: ManagedEtcdOptions, cluster: string, existing: boolean): string[] {
  const pem = (name: string): string => join(o.tlsDir, name);
  const more = o.moreClientUrls ?? [];
  const flags: Record<string, string> = {
    name: o.name,
    'data-dir': o.dir,
    'listen-client-urls': [o.clientUrl, ...more].join(','),
    'advertise-client-urls': (more.length > 0 ? more : [o.clientUrl]).join(','),
    'listen-peer-urls': o.peerUrl,
    'initial-advertise-peer-urls': o.peerUrl,
    'initial-cluster': cluster,
    'initial-cluster-state': existing ? 'existing' : 'new',
    'initial-cluster-token': 'skiff',
    'heartbeat-interval': String(heartbeatMs),
    'election-timeout': String(electionMs),
    // One that was cut off must not unseat the leader when it is back; the default from 3.5 on.
    'pre-vote': 'true',
    'cert-file': pem('server-client.crt'),
    'key-file': pem('server-client.key'),
    'trusted-ca-file': pem('server-ca.crt'),
    'client-cert-auth': 'true',
    'peer-cert-file': pem('peer-server-client.crt'),
    'peer-key-file': pem('peer-server-client.key'),
    'peer-trusted-ca-file': pem('peer-ca.crt'),
    'peer-client-cert-auth': 'true',
    'log-level': 'warn',
    logger: 'zap',
    ...o.tuning,
  };
  return [
    ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`),
    ...(o.forceNewCluster ? ['--force-new-cluster'] : []),
  ];
}

/**
 * Waits until the member answers; one that joined, now or in a start that was cut off, is promoted
 * as soon as it has caught up.
 */
async function ready(
  options: ManagedEtcdOptions,
  cluster: EtcdCluster,
  withinMs: number,
): Promise<void> {
  const { identities, clock, peerUrl, log, readyMs = withinMs } = options;
  const connection = new EtcdConnection(
    { endpoints: [endpointOf(options)], tls: clientTls(identities) },
    clock,
  );
  const end = clock.monotonicMs() + readyMs;
  const told = clock.after('etcd.ready', patienceMs, () =>
    log.warn('etcd waits for most members of the cluster to be up'),
  );
  try {
    for (;;) {
      try {
        await connection.call(
          'KV/Range',
          ['RangeRequest', { key: 'health' }],
          'RangeResponse',
          5_000,
        );
        return;
      } catch (error) {
        if (clock.monotonicMs() > end)
          throw new ConfigError(`etcd does not become ready: ${messageOf(error)}`, {
            op: 'etcd',
            hint: 'most members of the cluster must be up',
          });
        log.debug('etcd is not ready yet', { error: messageOf(error) });
        if (cluster.endpoints.length > 0) {
          await promote(cluster, peerUrl).catch((cause: unknown) =>
            log.debug('not promoted yet', { error: messageOf(cause) }),
          );
        }
        await clock.sleep('etcd.ready', readyPollMs);
      }
    }
  } finally {
    told.cancel();
    connection.close();
  }
}

class MemberProcess implements ManagedEtcd {
  readonly endpoint: string;
  #options: ManagedEtcdOptions;
  #arguments: string[];
  #child: ChildProcess | undefined;
  #restart: Timer | undefined;
  readonly #look: Timer;
  readonly #note: Timer;
  #restartMs = firstRestartMs;
  #startedMs = 0;
  #stopping = false;
  #removed = false;
  #gone: () => void = () => undefined;

  constructor(options: ManagedEtcdOptions, args: string[]) {
    this.#options = options;
    this.#arguments = args;
    this.endpoint = endpointOf(options);
    this.#look = options.clock.every('etcd.look', lookEveryMs, () => void this.#killStopped());
    this.#note = options.clock.every('etcd.note', noteEveryMs, () => {
      if (this.pid !== undefined) notePeers(this.#options).catch(() => undefined); // it only helps
    });
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(): void {
    const { spawn, binary, log, clock } = this.#options;
    this.#startedMs = clock.monotonicMs();
    const child = spawn.start('etcd', [binary ?? 'etcd', ...this.#arguments], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child = child;
    if (child.stderr)
      createInterface({ input: child.stderr }).on('line', (line) => this.#said(line));
    child.once('error', (error) =>
      log.error('cannot run etcd', { error, hint: 'install the package etcd-server' }),
    );
    child.once('close', (code, signal) => this.#ended(code, signal));
  }

  async readdress(
    urls: Pick<ManagedEtcdOptions, 'clientUrl' | 'moreClientUrls' | 'peerUrl'>,
  ): Promise<void> {
    if (this.#stopping || urls.peerUrl === this.#options.peerUrl) return;
    // Told first: a member that the others know by its new address is let in when it is back.
    await tellOthers({ ...this.#options, peerUrl: urls.peerUrl }, this.endpoint);
    this.#options = { ...this.#options, ...urls };
    this.#arguments = argumentsOf(this.#options, `${this.#options.name}=${urls.peerUrl}`, true);
    this.#restartMs = firstRestartMs;
    this.#end();
  }

  /**
   * Asks the process to end, and ends it when it does not: on its way out it waits for calls and
   * members that may be out of reach. Its log is made for that.
   */
  #end(): void {
    const { clock, processes, log } = this.#options;
    const { pid } = this;
    if (pid === undefined) return;
    this.#child?.kill('SIGTERM');
    clock.after('etcd.end', endsWithinMs, () => {
      if (this.pid !== pid) return;
      log.warn('etcd does not end and is killed', { pid });
      processes.kill('etcd', pid, 'SIGKILL');
    });
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#look.cancel();
    this.#note.cancel();
    this.#restart?.cancel();
    const child = this.#child;
    if (!child) return;
    const gone = new Promise<void>((resolve) => (this.#gone = resolve));
    this.#end();
    await gone;
  }

  #said(line: string): void {
    const { log } = this.#options;
    log.debug('etcd says', { line });
    if (this.#removed || !/permanently removed/.test(line)) return;
    this.#removed = true;
    log.error('this server was removed from its cluster', {
      hint: 'stop it, or start it again with --server to join again',
    });
  }

  /** Somebody sent it SIGSTOP: every request would hang until somebody else lets it go on. */
  async #killStopped(): Promise<void> {
    const { processes, log } = this.#options;
    const pid = this.pid;
    if (pid === undefined || !(await processes.isStopped(pid)) || pid !== this.pid) return;
    log.error('etcd was stopped by somebody: it is killed, and started again', { pid });
    processes.kill('etcd', pid, 'SIGKILL');
  }

  #ended(code: number | null, signal: NodeJS.Signals | null): void {
    const { clock, log } = this.#options;
    this.#child = undefined;
    this.#gone();
    // A removed member would have no peers: it is not started again.
    if (this.#stopping || this.#removed) return;
    if (clock.monotonicMs() - this.#startedMs > steadyMs) this.#restartMs = firstRestartMs;
    log.warn('etcd ended and is started again', { code, signal, inMs: this.#restartMs });
    this.#restart = clock.after('etcd.restart', this.#restartMs, () => this.start());
    this.#restartMs = Math.min(mostRestartMs, this.#restartMs * 2);
  }
}
