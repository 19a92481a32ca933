import { dirname, join } from 'node:path';
import { addressIn, joinHostPort } from '../base/addresses.ts';
import { ConfigError } from '../base/errors.ts';
import { loadOrCreateServer, type ServerIdentities } from '../pki/authorities.ts';
import { vouchedFor } from '../pki/overlap.ts';
import { kubeconfig } from '../pki/kubeconfig.ts';
import { formatToken, newPassword, parseToken } from '../pki/tokens.ts';
import type { ServerConfig } from './config.ts';
import type { Doors } from './doors.ts';
import { nodeUser, serverUser } from './handshake-paths.ts';
import type { Ledger } from './ledger.ts';
import type { NodeFacts } from './node-facts.ts';
import type { JoinPasswords } from './token-change.ts';

/** Every name and address a client may call this server by. */
export function serverNames(config: ServerConfig, facts: NodeFacts): string[] {
  const names = [
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    `kubernetes.default.svc.${config.clusterDomain}`,
    'localhost',
    facts.name,
    '127.0.0.1',
    '::1',
    ...config.serviceCidr.split(',').map((range) => addressIn(range, 1)),
    ...facts.ips,
    ...facts.externalIps,
    ...(config.advertiseAddress === undefined ? [] : [config.advertiseAddress]),
    ...(config.bindAddress === '0.0.0.0' || config.bindAddress === '::'
      ? []
      : [config.bindAddress]),
    ...config.tlsSans,
  ];
  return [...new Set(names)];
}

/**
 * What tells this server from all others, in this run and the next: a leader that was killed and is
 * back goes on leading.
 */
export async function serverIdentity(
  config: ServerConfig,
  { disk, random }: Pick<Doors, 'disk' | 'random'>,
  name: string,
): Promise<string> {
  const path = join(config.dataDir, 'server/id');
  const kept = (await disk.readIfThere('server id', path))?.toString().trim();
  const whole = kept !== undefined && /^[0-9a-f-]{36}$/.test(kept);
  const id = whole ? kept : random.uuid();
  if (!whole) await disk.writeAtomic('server id', path, `${id}\n`, { mode: 0o600 });
  return `${name}_${id}`;
}

export async function serverIdentities(
  config: ServerConfig,
  doors: Doors,
  options: { names: string[]; mustExist: boolean; alone: boolean },
): Promise<ServerIdentities> {
  return await loadOrCreateServer({
    ...doors,
    ...options,
    dir: join(config.dataDir, 'server/tls'),
    serverNames: options.names,
  });
}

/** The token of the command line or its file. */
export async function toldToken(
  config: ServerConfig,
  { disk }: Pick<Doors, 'disk'>,
): Promise<string | undefined> {
  return config.tokenFile === undefined
    ? config.token
    : (await disk.read('token file', config.tokenFile)).toString();
}

/** The password of the agents' token; without one of its own it is the servers'. */
export async function agentPassword(
  config: ServerConfig,
  { disk }: Pick<Doors, 'disk'>,
  serverPassword: string,
): Promise<string> {
  const { agentToken, agentTokenFile } = config;
  const told =
    agentTokenFile === undefined
      ? agentToken
      : (await disk.read('agent token file', agentTokenFile)).toString();
  if (told === undefined) return serverPassword;
  const { password } = parseToken(told);
  if (password === '')
    throw new ConfigError('--agent-token: it has no password', {
      op: 'token',
      hint: 'give a password of your own choice, or a full token',
    });
  return password;
}

const tokenPath = (config: Pick<ServerConfig, 'dataDir'>): string =>
  join(config.dataDir, 'server/token');

/**
 * The cluster's password: what was told, else what stands in server/token, else a new one; with
 * `keep` it stands there at once.
 */
export async function clusterPassword(
  config: ServerConfig,
  doors: Pick<Doors, 'disk' | 'random' | 'log'>,
  { keep }: { keep: boolean },
): Promise<string> {
  const told = await toldToken(config, doors);
  const stored = told === undefined ? await storedPassword(config, doors) : undefined;
  const password =
    told !== undefined ? parseToken(told).password : (stored ?? newPassword(doors.random));
  if (password === '')
    throw new ConfigError('--token: a server needs a password or a full token', { op: 'token' });
  if (keep && stored === undefined && told === undefined)
    await doors.disk.writeAtomic('token', tokenPath(config), `${password}\n`, { mode: 0o600 });
  return password;
}

/**
 * The password that server/token holds; server/node-token is a copy of it. Damaged, it must not
 * pass for another cluster's.
 */
async function storedPassword(
  config: ServerConfig,
  { disk, log }: Pick<Doors, 'disk' | 'log'>,
): Promise<string | undefined> {
  const paths = [tokenPath(config), join(config.dataDir, 'server/node-token')];
  const found = await Promise.all(
    paths.map(async (path) => (await disk.readIfThere('token', path))?.toString()),
  );
  const [own, copy] = found.map((text) => (text === undefined ? undefined : passwordIn(text)));
  if (own !== undefined) return own;
  if (copy !== undefined) {
    log.warn('the token of this cluster was lost or damaged, and is restored from its copy', {
      file: paths[0],
      copy: paths[1],
    });
    return copy;
  }
  if (found[0] !== undefined)
    throw new ConfigError(`${paths[0]} holds no token`, {
      op: 'token',
      hint:
        'put it back from a copy, or from another server; without one, remove it and its ' +
        'node-token: a new one is made, and machines join with that',
    });
  if (await disk.stat('token', join(config.dataDir, 'server/tls/server-ca.crt')))
    log.warn('the token of this cluster was lost, a new one is made: machines join with that', {
      file: paths[0],
    });
  return undefined;
}

/** The forms in which we write it: in full, or a password of ours alone. */
function passwordIn(text: string): string | undefined {
  const trimmed = text.trim();
  if (/^[0-9a-f]{32}$/.test(trimmed)) return trimmed;
  return /^K10[0-9a-f]{64}::server:[^\0-\x1f\x7f]+$/.test(trimmed)
    ? parseToken(trimmed).password
    : undefined;
}

/** The passwords that this server begins with. */
export async function joinPasswords(
  config: ServerConfig,
  doors: Pick<Doors, 'disk' | 'random' | 'log'>,
  options: { keep: boolean },
): Promise<JoinPasswords> {
  const server = await clusterPassword(config, doors, options);
  return { server, agent: await agentPassword(config, doors, server) };
}

/** Throws when the token that this server was told is another cluster's. */
export async function checkToken({
  config,
  doors,
  serverCa,
}: {
  config: ServerConfig;
  doors: Pick<Doors, 'disk'>;
  serverCa: string;
}): Promise<void> {
  const told = await toldToken(config, doors);
  const caHash = told === undefined ? '' : parseToken(told).caHash;
  if (caHash === '' || vouchedFor(serverCa, caHash) !== undefined) return;
  throw new ConfigError(
    '--token is for another cluster: it names another authority than this server has',
    {
      op: 'token',
      hint: 'copy server/token again from a server of the cluster, or leave --token out',
    },
  );
}

/** Writes server/token, server/node-token and server/agent-token in their full form. */
export async function writeTokens(
  config: Pick<ServerConfig, 'dataDir'>,
  { disk }: Pick<Doors, 'disk'>,
  { caHash, password, agent }: { caHash: string; password: string; agent: string },
): Promise<void> {
  const own = `${formatToken({ caHash, user: serverUser, password })}\n`;
  const forAgents =
    agent === password ? own : `${formatToken({ caHash, user: nodeUser, password: agent })}\n`;
  for (const [path, text] of [
    [tokenPath(config), own],
    [join(config.dataDir, 'server/node-token'), own],
    [join(config.dataDir, 'server/agent-token'), forAgents],
  ] as const) {
    if ((await disk.readIfThere('token', path))?.toString() !== text)
      await disk.writeAtomic('token', path, text, { mode: 0o600 });
  }
}

/** Where programs of this machine find the API. */
export function apiAddress({ bindAddress }: ServerConfig, port: number): string {
  const any = bindAddress === '0.0.0.0' || bindAddress === '::';
  return joinHostPort(any ? '127.0.0.1' : bindAddress, port);
}

/** The administrator's kubeconfig, written only when its content changes. */
export async function writeAdminKubeconfig(
  config: ServerConfig,
  doors: Doors,
  ledger: Ledger,
  identities: ServerIdentities,
  port: number,
): Promise<void> {
  const { disk } = doors;
  const server = `https://${apiAddress(config, port)}`;
  const text = kubeconfig({ server, ca: identities.serverCa.cert, ...identities.admin });
  const path = config.writeKubeconfig;
  const [before, stat] = await Promise.all([
    disk.readIfThere('kubeconfig', path),
    disk.stat('kubeconfig', path),
  ]);
  if (before?.toString() === text && stat?.mode === config.writeKubeconfigMode) return;
  await ledger.record('file', path);
  await disk.makeDir('kubeconfig', dirname(path), 0o755);
  await disk.writeAtomic('kubeconfig', path, text, { mode: config.writeKubeconfigMode });
  if (config.writeKubeconfigGroup !== undefined)
    await doors.spawn.run('kubeconfig group', ['chgrp', config.writeKubeconfigGroup, path]);
}
