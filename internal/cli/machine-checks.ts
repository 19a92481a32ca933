import { join } from 'node:path';
import { load } from 'js-yaml';
import { checkRegistryKeys, parseRegistries } from '../agent/containerd/registries.ts';
import { ConfigError, messageOf } from '../base/errors.ts';
import type { Disk } from '../io/disk.ts';
import type { Host } from '../io/host.ts';
import { socketAnswers } from '../io/local-socket.ts';
import type { Spawn } from '../io/spawn.ts';
import type { AgentConfig, NodeConfig, ServerConfig } from '../supervisor/config.ts';

const op = 'config';

export interface Doors {
  disk: Disk;
  host: Host;
  spawn: Spawn;
  warn(line: string): void;
}

/**
 * Holds what was told against this machine: what is named must be there. Asked before a start, and
 * by "skiff check-config server ...".
 */
export async function checkMachine(config: ServerConfig, doors: Doors): Promise<void> {
  await checkServerMachine(config, doors);
  if (!config.disableAgent) await checkNodeMachine(config, doors);
}

/** The same for a node that joins. */
export async function checkAgentMachine(config: AgentConfig, doors: Doors): Promise<void> {
  const { tokenFile, kubeconfig } = config;
  const kept = join(config.dataDir, 'agent/plain-cluster.json');
  if (
    kubeconfig !== undefined &&
    !(await doors.disk.stat(op, kubeconfig)) &&
    !(await doors.disk.stat(op, kept))
  )
    throw new ConfigError(`--kubeconfig: ${kubeconfig}: no such file`, { op });
  if (tokenFile !== undefined && !(await doors.disk.stat(op, tokenFile)))
    throw new ConfigError(`--token-file: ${tokenFile}: no such file`, { op });
  await checkNodeMachine(config, doors);
}

async function checkServerMachine(config: ServerConfig, { disk, spawn }: Doors): Promise<void> {
  const { refuseOwnState } = await import('../supervisor/join.ts');
  await refuseOwnState(config, { disk });
  const { writeKubeconfigGroup: group } = config;
  if (group !== undefined) {
    // Groups may be kept elsewhere than in /etc/group.
    const found = await spawn.run(op, ['getent', 'group', group]).catch(() => undefined);
    if (found?.code === 2)
      throw new ConfigError(
        `--write-kubeconfig-group: there is no group "${group}" on this machine`,
        { op, hint: `groupadd ${/^[a-z_][a-z0-9_-]*$/.test(group) ? group : 'NAME'}` },
      );
  }
  for (const [flag, path] of [
    ['token-file', config.tokenFile],
    ['agent-token-file', config.agentTokenFile],
    ['datastore-cafile', config.datastore?.caFile],
    ['datastore-certfile', config.datastore?.certFile],
    ['datastore-keyfile', config.datastore?.keyFile],
    ['cluster-reset-restore-path', config.clusterResetRestorePath],
  ] as const) {
    if (path !== undefined && !(await disk.stat(op, path)))
      throw new ConfigError(`--${flag}: ${path}: no such file`, { op });
  }
}

async function checkNodeMachine(
  config: NodeConfig,
  { disk, host, spawn, warn }: Doors,
): Promise<void> {
  if (!host.isRoot())
    throw new ConfigError('only root can run a node', {
      op,
      hint:
        'lbServerPort' in config
          ? 'run it with sudo'
          : 'run it with sudo, or without a node: --disable-agent',
    });
  if (config.resolvConf !== undefined && !(await disk.readIfThere(op, config.resolvConf)))
    throw new ConfigError(`--resolv-conf: ${config.resolvConf}: no such file`, {
      op,
      hint: 'pods would have no DNS',
    });
  if (config.flannelBackend === 'wireguard-native') {
    const { requireWireguard } = await import('../network/overlay/wireguard.ts');
    await requireWireguard({ disk, spawn });
  }
  const own = host.addresses().map((one) => one.address);
  for (const ip of config.nodeIps)
    if (!own.includes(ip))
      warn(
        `--node-ip: no interface of this machine has ${ip}; has it another now: ` +
          `${own.filter((a) => !a.startsWith('127.') && !a.includes(':')).join(', ') || 'none'}` +
          '?',
      );
  const { runtimeEndpoint: endpoint } = config;
  if (endpoint !== undefined) {
    const path = endpoint.replace(/^unix:\/\//, '');
    if (!path.startsWith('/'))
      throw new ConfigError(
        `--container-runtime-endpoint: "${endpoint}" is not the path of a socket`,
        { op, hint: 'such as unix:///run/containerd/containerd.sock' },
      );
    if (!(await socketAnswers(path)))
      warn(
        `--container-runtime-endpoint: nobody listens on ${path}; the node is not Ready ` +
          'before a runtime does',
      );
  }
  await checkRegistries(config.privateRegistry, disk, warn);
}

/** A word that is spelt wrong would send every pull past its mirror. */
async function checkRegistries(
  path: string,
  disk: Disk,
  warn: (line: string) => void,
): Promise<void> {
  const text = (await disk.readIfThere(op, path))?.toString();
  if (text === undefined || text.trim() === '') return;
  let parsed: unknown;
  try {
    parsed = load(text);
  } catch (cause) {
    throw new ConfigError(`${path}: ${messageOf(cause).split('\n')[0]}`, {
      op,
      cause,
      hint: 'it must be YAML with "mirrors" and "configs"',
    });
  }
  checkRegistryKeys(parsed, (what) => warn(`${path}: ${what}`));
  parseRegistries(parsed, (what) => warn(`${path}: left out: ${what}`));
  for (const [name, { tls }] of parseRegistries(parsed, () => undefined).configs) {
    for (const file of [tls?.ca_file, tls?.cert_file, tls?.key_file])
      if (file && !(await disk.stat(op, file)))
        warn(`${path}: configs: ${name}: ${file}: no such file`);
  }
}
