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

export async function serverIdentities(config: ServerConfig, doors: Doors, names: string[]): Promise<ServerIdentities> {
  return await loadOrCreateServer({ ...doors, dir: join(config.dataDir, 'server/tls'), serverNames: names });
}

/** Writes server/token and server/node-token and returns the password of the token. */
export async function joinToken(config: ServerConfig, doors: Doors, serverCa: string): Promise<string> {
  const { disk, random } = doors;
  const path = join(config.dataDir, 'server/token');
  const stored = (await disk.readIfThere('token', path))?.toString();
  const told = config.tokenFile === undefined ? config.token : (await disk.read('token file', config.tokenFile)).toString();
  const password = told !== undefined ? parseToken(told).password : stored !== undefined ? parseToken(stored).password : newPassword(random);
  if (password === '') throw new ConfigError('--token: a server needs a password or a full token', { op: 'token' });
  const text = `${formatToken({ caHash: caHashOf(serverCa), user: 'server', password })}\n`;
  if (text === stored) return password;
  await disk.writeAtomic('token', path, text, { mode: 0o600 });
  await disk.writeAtomic('node token', join(config.dataDir, 'server/node-token'), text, { mode: 0o600 });
  return password;
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
