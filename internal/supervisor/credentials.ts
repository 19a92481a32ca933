import { dirname, join } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import { loadOrCreateServer, type ServerIdentities } from '../pki/authorities.ts';
import { kubeconfig } from '../pki/kubeconfig.ts';
import { caHashOf, formatToken, newPassword, parseToken } from '../pki/tokens.ts';
import type { ServerConfig } from './config.ts';
import type { Doors } from './doors.ts';
import type { Ledger } from './ledger.ts';
import type { NodeFacts } from './node-facts.ts';

/** Every name and address a client may call this server by. */
export function serverNames(config: ServerConfig, facts: NodeFacts, serviceIp: string): string[] {
  const names = [
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    `kubernetes.default.svc.${config.clusterDomain}`,
    'localhost',
    facts.name,
    '127.0.0.1',
    '::1',
    serviceIp,
    ...facts.ips,
    ...facts.externalIps,
    ...(config.advertiseAddress === undefined ? [] : [config.advertiseAddress]),
    ...(config.bindAddress === '0.0.0.0' || config.bindAddress === '::' ? [] : [config.bindAddress]),
    ...config.tlsSans,
  ];
  return [...new Set(names)];
}

/** What tells this server from all others, in this run and the next: a leader that was killed and is back goes on leading. */
export async function serverIdentity(config: ServerConfig, { disk, random }: Pick<Doors, 'disk' | 'random'>, name: string): Promise<string> {
  const path = join(config.dataDir, 'server/id');
  const kept = (await disk.readIfThere('server id', path))?.toString().trim();
  const id = kept || random.uuid();
  if (!kept) await disk.writeAtomic('server id', path, `${id}\n`, { mode: 0o600 });
  return `${name}_${id}`;
}

export async function serverIdentities(config: ServerConfig, doors: Doors, options: { names: string[]; mustExist: boolean; alone: boolean }): Promise<ServerIdentities> {
  return await loadOrCreateServer({ ...doors, ...options, dir: join(config.dataDir, 'server/tls'), serverNames: options.names });
}

/** The token of the command line or its file. */
export async function toldToken(config: ServerConfig, { disk }: Pick<Doors, 'disk'>): Promise<string | undefined> {
  return config.tokenFile === undefined ? config.token : (await disk.read('token file', config.tokenFile)).toString();
}

const tokenPath = (config: ServerConfig): string => join(config.dataDir, 'server/token');

/** The cluster's password: what was told, else what stands in server/token, else a new one; with `keep` it stands there at once. */
export async function clusterPassword(config: ServerConfig, doors: Pick<Doors, 'disk' | 'random'>, { keep }: { keep: boolean }): Promise<string> {
  const stored = (await doors.disk.readIfThere('token', tokenPath(config)))?.toString();
  const told = await toldToken(config, doors);
  const password = told !== undefined ? parseToken(told).password : stored !== undefined ? parseToken(stored).password : newPassword(doors.random);
  if (password === '') throw new ConfigError('--token: a server needs a password or a full token', { op: 'token' });
  if (keep && stored === undefined && told === undefined) await doors.disk.writeAtomic('token', tokenPath(config), `${password}\n`, { mode: 0o600 });
  return password;
}

/** Writes server/token and server/node-token in their full form. */
export async function joinToken(config: ServerConfig, doors: Pick<Doors, 'disk'>, { serverCa, password }: { serverCa: string; password: string }): Promise<void> {
  const { disk } = doors;
  const caHash = caHashOf(serverCa);
  const told = parseToken((await toldToken(config, doors)) ?? password);
  if (told.caHash !== '' && told.caHash !== caHash) {
    throw new ConfigError('--token is for another cluster: it names another authority than this server has', { op: 'token', hint: 'copy server/token again from a server of the cluster, or leave --token out' });
  }
  const text = `${formatToken({ caHash, user: 'server', password })}\n`;
  if ((await disk.readIfThere('token', tokenPath(config)))?.toString() === text) return;
  await disk.writeAtomic('token', tokenPath(config), text, { mode: 0o600 });
  await disk.writeAtomic('node token', join(config.dataDir, 'server/node-token'), text, { mode: 0o600 });
}

/** The administrator's kubeconfig, written only when its content changes. */
export async function writeAdminKubeconfig(config: ServerConfig, doors: Doors, ledger: Ledger, identities: ServerIdentities, port: number): Promise<void> {
  const { disk } = doors;
  const host = config.bindAddress === '0.0.0.0' || config.bindAddress === '::' ? '127.0.0.1' : config.bindAddress;
  const server = `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
  const text = kubeconfig({ server, ca: identities.serverCa.cert, ...identities.admin });
  const path = config.writeKubeconfig;
  const [before, stat] = await Promise.all([disk.readIfThere('kubeconfig', path), disk.stat('kubeconfig', path)]);
  if (before?.toString() === text && stat?.mode === config.writeKubeconfigMode) return;
  await ledger.record('file', path);
  await disk.makeDir('kubeconfig', dirname(path), 0o755);
  await disk.writeAtomic('kubeconfig', path, text, { mode: config.writeKubeconfigMode });
  if (config.writeKubeconfigGroup !== undefined) await doors.spawn.run('kubeconfig group', ['chgrp', config.writeKubeconfigGroup, path]);
}
