import { join } from 'node:path';
import { mirrorFactory, type Mirrors } from '../client/mirrors.ts';
import { Troubles } from '../client/troubles.ts';
import type { NodeIdentities } from '../pki/authorities.ts';
import { readLastTime } from './clock-guard.ts';
import type { NodeConfig } from './config.ts';
import type { Doors } from './doors.ts';
import { checkKernelDefaults } from './kernel-defaults.ts';
import { Ledger, ledgerPath } from './ledger.ts';
import { nodeFacts, type NodeFacts } from './node-facts.ts';
import { startNode, type NodeOptions, type OwnNode } from './node.ts';
import type { Renewal } from './renewal.ts';
import { claimPidFile } from './running.ts';

/** A machine that this process has taken, before anything runs on it. */
export interface Machine {
  pidFile: string;
  ledger: Ledger;
  /** Changed in place when the machine gets another address. */
  facts: NodeFacts;
  troubles: Troubles;
  /** The last time that an earlier run has seen, in milliseconds since 1970; 0 = none. */
  lastMs: number;
}

/**
 * The first steps of a server and of an agent: the folder for what runs, the pid file, the notes of
 * changes, the last time seen, who this node is. `node`: pods will run here.
 */
export async function takeMachine(
  config: NodeConfig,
  doors: Doors,
  { node }: { node: boolean },
): Promise<Machine> {
  const { disk } = doors;
  if (config.protectKernelDefaults && node) await checkKernelDefaults(disk);
  await disk.makeDir('run', config.runDir, 0o711);
  const pidFile = join(config.runDir, 'skiff.pid');
  await claimPidFile(doors, pidFile);
  const ledger = await Ledger.open(disk, ledgerPath(config.dataDir));
  const lastMs = await readLastTime(config.dataDir, doors);
  const facts = await nodeFacts(config, doors);
  return { pidFile, ledger, facts, troubles: new Troubles(), lastMs };
}

/** How a node reaches its cluster: beside a server without a wire, elsewhere over HTTPS. */
export interface RunNodeOptions extends Omit<
  NodeOptions,
  'mirrors' | 'networkMirrors' | 'identities'
> {
  /** What the network reads; without it, the node's own mirrors, with the node's own rights. */
  networkMirrors?: Mirrors;
  /** The node's certificates, issued again when they are due. */
  identities(): Promise<NodeIdentities>;
  renewal: Renewal;
}

/**
 * The node part of a process: pods and packets of this machine, in the cluster that `client` leads
 * to. It loads nothing of the API server, the store or the controllers. Resolves when the Node is
 * registered and its network stands; stop its parts in reverse order.
 */
export async function runNode(options: RunNodeOptions): Promise<OwnNode> {
  const { client, doors, identities } = options;
  const mirrors = mirrorFactory(client, doors.clock, doors.log.named('agent'));
  let own = await identities();
  const node = await startNode({
    ...options,
    mirrors,
    networkMirrors: options.networkMirrors ?? mirrors,
    identities: own,
  });
  options.renewal.add(async () => {
    const now = await identities();
    if (now.kubeletServing.cert === own.kubeletServing.cert) return false;
    own = now;
    node.renewCertificate(now.kubeletServing);
    return true;
  });
  return { ...node, parts: [{ name: 'agent mirrors', stop: () => mirrors.stop() }, ...node.parts] };
}
