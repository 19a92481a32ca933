import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { ConfigError, messageOf } from '../base/errors.ts';
import type { Clock, Timer } from '../io/clock.ts';
import type { Disk } from '../io/disk.ts';
import type { Log } from '../io/log.ts';
import type { Spawn } from '../io/spawn.ts';
import type { EtcdIdentities } from '../pki/etcd-authority.ts';
import { EtcdConnection } from './client/connection.ts';
import type { Member } from '../wire/etcd/types.ts';

const firstRestartMs = 500;
const mostRestartMs = 30_000;
/** A run of this length forgives the failures before it. */
const steadyMs = 60_000;
const readyPollMs = 200;
const defaultReadyMs = 60_000;
/** k3s' figures: the servers of a small cluster may be far apart, and their disks slow. */
const heartbeatMs = 500;
const electionMs = 5_000;

export interface ManagedEtcdOptions {
  dir: string;
  /** Folder of the PEM files of `identities`. */
  tlsDir: string;
  identities: EtcdIdentities;
  name: string;
  clientUrl: string;
  peerUrl: string;
  /** Where an existing cluster answers: this member joins it. Without it, it begins one of its own. */
  join?: { endpoints: string[] };
  /** Start alone with the data that is there: the way back after most members were lost. */
  forceNewCluster?: boolean;
  /** How long a new member may take to find its cluster. */
  readyMs?: number;
  binary?: string;
  clock: Clock;
  disk: Disk;
  spawn: Spawn;
  log: Log;
}

export interface ManagedEtcd {
  endpoint: string;
  /** The process of the moment. */
  readonly pid: number | undefined;
  stop(): Promise<void>;
}

/** Runs a real etcd (Debian's etcd-server) as a member of a cluster, and starts it again when it ends. */
export async function startManagedEtcd(options: ManagedEtcdOptions): Promise<ManagedEtcd> {
  const known = (await options.disk.stat('etcd', join(options.dir, 'member'))) !== undefined;
  const cluster = options.join && !known ? await announce(options, options.join.endpoints) : `${options.name}=${options.peerUrl}`;
  const member = new MemberProcess(options, argumentsOf(options, cluster, options.join !== undefined && !known));
  member.start();
  try {
    await ready(options);
  } catch (error) {
    await member.stop();
    throw error;
  }
  return member;
}

/** How we reach our own member: by a name, because TLS knows no names that are addresses. */
function endpointOf({ clientUrl }: Pick<ManagedEtcdOptions, 'clientUrl'>): string {
  return clientUrl.replace('//127.0.0.1:', '//localhost:');
}

/** TLS of a client of the cluster. */
export function clientTls({ serverCa, client }: EtcdIdentities): { ca: string; cert: string; key: string } {
  return { ca: serverCa.cert, cert: client.cert, key: client.key };
}

/** Removes a member that will not come back, by its name. */
export async function removeMember(options: { endpoints: string[]; identities: EtcdIdentities; name: string; clock: Clock }): Promise<boolean> {
  const connection = new EtcdConnection({ endpoints: options.endpoints, tls: clientTls(options.identities) }, options.clock);
  try {
    const { members } = await connection.call<{ members: Member[] }>('Cluster/MemberList', ['MemberListRequest', {}], 'MemberListResponse');
    const member = members.find((m) => m.name === options.name);
    if (!member) return false;
    await connection.call('Cluster/MemberRemove', ['MemberRemoveRequest', { ID: member.ID }], 'MemberRemoveResponse');
    return true;
  } finally {
    connection.close();
  }
}

/** Tells the cluster of the new member and returns who is in it, as etcd's --initial-cluster wants it. */
async function announce({ identities, peerUrl, name, clock, readyMs = defaultReadyMs }: ManagedEtcdOptions, endpoints: string[]): Promise<string> {
  const connection = new EtcdConnection({ endpoints, tls: clientTls(identities) }, clock);
  try {
    let { members } = await connection.call<{ members: Member[] }>('Cluster/MemberList', ['MemberListRequest', {}], 'MemberListResponse');
    // A join that was cut off half way left its announcement behind.
    if (!members.some((m) => m.peerURLs.includes(peerUrl))) {
      members = await addMember(connection, peerUrl, clock, clock.monotonicMs() + readyMs);
    }
    return members.flatMap((m) => m.peerURLs.map((url) => `${url === peerUrl ? name : m.name}=${url}`)).join(',');
  } finally {
    connection.close();
  }
}

/** A cluster takes a new member only some seconds after it became healthy with the one before. */
async function addMember(connection: EtcdConnection, peerUrl: string, clock: Clock, untilMs: number): Promise<Member[]> {
  for (;;) {
    try {
      return (await connection.call<{ members: Member[] }>('Cluster/MemberAdd', ['MemberAddRequest', { peerURLs: [peerUrl] }], 'MemberAddResponse')).members;
    } catch (error) {
      if (!/unhealthy cluster|not enough started members|leader/.test(messageOf(error)) || clock.monotonicMs() > untilMs) throw error;
      await clock.sleep('etcd.join', readyPollMs);
    }
  }
}

function argumentsOf(o: ManagedEtcdOptions, cluster: string, existing: boolean): string[] {
  const pem = (name: string): string => join(o.tlsDir, name);
  const flags: Record<string, string> = {
    name: o.name, 'data-dir': o.dir, 'listen-client-urls': o.clientUrl, 'advertise-client-urls': o.clientUrl, 'listen-peer-urls': o.peerUrl, 'initial-advertise-peer-urls': o.peerUrl,
    'initial-cluster': cluster, 'initial-cluster-state': existing ? 'existing' : 'new', 'initial-cluster-token': 'skiff', 'heartbeat-interval': String(heartbeatMs), 'election-timeout': String(electionMs),
    'cert-file': pem('server-client.crt'), 'key-file': pem('server-client.key'), 'trusted-ca-file': pem('server-ca.crt'), 'client-cert-auth': 'true',
    'peer-cert-file': pem('peer-server-client.crt'), 'peer-key-file': pem('peer-server-client.key'), 'peer-trusted-ca-file': pem('peer-ca.crt'), 'peer-client-cert-auth': 'true',
    'log-level': 'warn', logger: 'zap',
  };
  return [...Object.entries(flags).map(([name, value]) => `--${name}=${value}`), ...(o.forceNewCluster ? ['--force-new-cluster'] : [])];
}

async function ready({ clientUrl, identities, clock, readyMs = defaultReadyMs }: ManagedEtcdOptions): Promise<void> {
  const connection = new EtcdConnection({ endpoints: [endpointOf({ clientUrl })], tls: clientTls(identities) }, clock);
  const end = clock.monotonicMs() + readyMs;
  try {
    for (;;) {
      try {
        await connection.call('KV/Range', ['RangeRequest', { key: 'health' }], 'RangeResponse', 5_000);
        return;
      } catch (error) {
        if (clock.monotonicMs() > end) throw new ConfigError(`etcd does not become ready: ${messageOf(error)}`, { op: 'etcd', hint: 'most members of the cluster must be up' });
        await clock.sleep('etcd.ready', readyPollMs);
      }
    }
  } finally {
    connection.close();
  }
}

class MemberProcess implements ManagedEtcd {
  readonly endpoint: string;
  readonly #options: ManagedEtcdOptions;
  readonly #arguments: string[];
  #child: ChildProcess | undefined;
  #restart: Timer | undefined;
  #restartMs = firstRestartMs;
  #startedMs = 0;
  #stopping = false;
  #gone: () => void = () => undefined;

  constructor(options: ManagedEtcdOptions, args: string[]) {
    this.#options = options;
    this.#arguments = args;
    this.endpoint = endpointOf(options);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(): void {
    const { spawn, binary, log, clock } = this.#options;
    this.#startedMs = clock.monotonicMs();
    const child = spawn.start('etcd', [binary ?? 'etcd', ...this.#arguments], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    if (child.stderr) createInterface({ input: child.stderr }).on('line', (line) => log.debug('etcd says', { line }));
    child.once('error', (error) => log.error('cannot run etcd', { error, hint: 'install the package etcd-server' }));
    child.once('close', (code, signal) => this.#ended(code, signal));
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#restart?.cancel();
    const child = this.#child;
    if (!child) return;
    const gone = new Promise<void>((resolve) => (this.#gone = resolve));
    child.kill('SIGTERM');
    await gone;
  }

  #ended(code: number | null, signal: NodeJS.Signals | null): void {
    const { clock, log } = this.#options;
    this.#child = undefined;
    this.#gone();
    if (this.#stopping) return;
    if (clock.monotonicMs() - this.#startedMs > steadyMs) this.#restartMs = firstRestartMs;
    log.warn('etcd ended and is started again', { code, signal, inMs: this.#restartMs });
    this.#restart = clock.after('etcd.restart', this.#restartMs, () => this.start());
    this.#restartMs = Math.min(mostRestartMs, this.#restartMs * 2);
  }
}
