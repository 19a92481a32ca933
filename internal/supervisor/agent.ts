import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { EndpointSlice } from '../api/generated/types/discovery-v1.ts';
import { messageOf } from '../base/errors.ts';
import type { Client } from '../client/client.ts';
import { httpClient } from '../client/http.ts';
import { mirrorFactory, type Mirrors } from '../client/mirrors.ts';
import { rememberingClient } from '../client/remembering/remembering-client.ts';
import { SealedFiles } from '../client/remembering/sealed-files.ts';
import { refs } from '../client/refs.ts';
import type { Log } from '../io/log.ts';
import type { Identity } from '../pki/certificate.ts';
import { serverNameOfApi } from './api-names.ts';
import { joinAsNode, nodeSecret, refreshSettings, renewCertificates } from './agent-join.ts';
import { startBalancer } from './balancer.ts';
import { guardClock } from './clock-guard.ts';
import type { Starting, Way } from './agent-way.ts';
import type { AgentConfig } from './config.ts';
import { realDoors, type Doors } from './doors.ts';
import { followAddresses } from './follow-addresses.ts';
import { followKernel } from './kernel-events.ts';
import { kubeletPort } from './node.ts';
import { runNode, takeMachine } from './node-process.ts';
import { nodeVoice } from './node-voice.ts';
import { plainWay } from './plain/way.ts';
import { startRenewal } from './renewal.ts';
import { notifyReady, stopOnSignal, stopParts, type Part } from './running.ts';
import { settleMemory } from './settle-memory.ts';
import { keepTunnels } from './tunnel-client.ts';
import type { Judge } from './upgrade/judge.ts';
import { lookAtAgent, runningBefore } from './upgrade/looks.ts';
import { upgradeOnStart } from './upgrade/on-start.ts';
import { livingServers } from './living-servers.ts';
import { ServerList } from './server-list.ts';
import { serversIn } from './servers-in.ts';

/** A node that joins servers elsewhere: the same node as beside a server, over the wire. */
export async function startAgent(
  config: AgentConfig,
  doors: Doors = realDoors(config.debug),
): Promise<void> {
  const { clock, log } = doors;
  const startedMs = clock.monotonicMs();
  await doors.disk.makeDir('data', join(config.dataDir, 'agent'), 0o711);
  const machine = await takeMachine(config, doors, { node: true });
  const judge = await upgradeOnStart({ config, doors, agent: true });
  const parts: Part[] = judge ? [judge] : [];
  stopOnSignal(doors, parts, machine.pidFile);
  try {
    const standing = await startParts({ config, doors, machine, parts });
    log.info('agent ready', { ms: Math.round(clock.monotonicMs() - startedMs) });
    parts.push(settleMemory(doors));
    await notifyReady(doors);
    judge?.started(standing);
  } catch (error) {
    await stopParts(doors, parts, machine.pidFile);
    throw error;
  }
}

type HttpApi = ReturnType<typeof httpClient>;

/**
 * What a node starts its pods with while no server answers. Its pods themselves are remembered by
 * the agent.
 */
const kubeletRemembers = ['configmaps', 'secrets', 'services', 'nodes'];
const networkRemembers = [
  'services',
  'endpointslices',
  'nodes',
  'namespaces',
  'networkpolicies',
  'adminnetworkpolicies',
  'baselineadminnetworkpolicies',
  'servicecidrs',
  'ingresses',
  'ingressclasses',
  'secrets',
  'configmaps',
];

async function startParts(
  o: Starting & { parts: Part[] },
): Promise<Parameters<Judge['started']>[0]> {
  const { config, doors, machine, parts } = o;
  const { clock, log } = doors;
  const { ledger, facts, troubles, lastMs } = machine;
  const way = (await plainWay(o)) ?? (await wayToServers(o));
  parts.push(...way.parts);
  const secret = await nodeSecret(config, doors);
  const remembered = (name: string, of: Client, resources: readonly string[]) =>
    rememberingClient({
      client: of,
      files: new SealedFiles({
        ...doors,
        dir: join(config.dataDir, 'agent/remembered', name),
        secret,
      }),
      clock,
      log: log.named('remembered'),
      resources,
    });
  const client = remembered('kubelet', way.clients[0], kubeletRemembers);
  const network = remembered('network', way.clients[1], networkRemembers);
  const networkMirrors = mirrorFactory(network, clock, log.named('network'));
  parts.push(
    { name: 'remembered', stop: () => [client, network].forEach((one) => one.stop()) },
    { name: 'network mirrors', stop: () => networkMirrors.stop() },
  );
  const kernel = followKernel(doors);
  const voice = nodeVoice({ client, doors, nodeName: facts.name, troubles });
  const renewal = startRenewal(doors);
  parts.push(
    { name: 'kernel events', stop: () => kernel.stop() },
    { name: 'voice', stop: () => voice.stop() },
    guardClock({ dataDir: config.dataDir, doors, lastMs, troubles, said: voice.warn }),
    renewal,
  );
  const node = await runNode({
    config: way.node,
    cluster: way.settings,
    packets: way.packets,
    facts,
    doors,
    ledger,
    client,
    networkMirrors,
    ...(way.slicesOf && { slicesOf: way.slicesOf }),
    identities: () => way.identities(renewal),
    clientCa: way.clientCa,
    serversCa: way.serversCa,
    troubles,
    kernel,
    renewal,
  });
  parts.push(...node.parts, ...way.beside(node, networkMirrors));
  parts.push(
    followAddresses({
      config,
      doors,
      facts,
      kernel,
      troubles,
      moved: async (from) => {
        await renewal.look();
        await node.readdress();
        log.info('the new address is in force', { from, to: facts.ip });
      },
    }),
  );
  void renewal.look();
  const judged = { client: way.clients[0], nodeName: facts.name, node, clock };
  return {
    look: (since) => lookAtAgent({ ...judged, ...since }),
    running: () => runningBefore(node.pods()),
  };
}

/** The way to skiff servers, whichever of them lives. */
async function wayToServers({ config, doors, machine }: Starting): Promise<Way> {
  const { clock, log } = doors;
  const { facts, troubles } = machine;
  sayWhatDoesNotCount(config, log);
  const { cluster, certificates } = await joinAsNode(config, doors, { facts });
  const servers = new ServerList(toldServer(config), cluster.servers, spreadOf(facts.name));
  const balancer = await startBalancer({
    ...doors,
    port: config.lbServerPort,
    servers,
    log: log.named('servers'),
  });
  let shown = certificates;
  let started = false;
  const clientOf = (who: () => Identity): HttpApi =>
    httpClient({
      server: `https://127.0.0.1:${balancer.port}`,
      tls: () => ({ ca: cluster.serverCa, ...who(), serverName: serverNameOfApi }),
      userAgent: 'skiff-agent',
    });
  const clients = [clientOf(() => shown.kubelet), clientOf(() => shown.network)] as const;
  const { settings } = cluster;
  const refresh = async (): Promise<void> => {
    const about = { cluster, servers: servers.all, shown: shown.kubelet, port: balancer.port };
    if (await refreshSettings(config, doors, about))
      log.warn('settings of the cluster have changed: they count from the next start on');
  };
  return {
    settings,
    node: {
      ...config,
      flannelBackend: settings.flannelBackend,
      flannelIpv6Masq: settings.flannelIpv6Masq === true,
      flannelExternalIp: settings.flannelExternalIp === true,
      disableKubeProxy: settings.disableKubeProxy,
    },
    packets: true,
    clients,
    clientCa: cluster.clientCa,
    serversCa: () => cluster.serverCa,
    slicesOf: (slices) => livingServers(slices, servers),
    identities: async () => {
      // A node starts with what it has; what is due is asked for once it runs.
      if (started) {
        // Nobody answers one whose certificate has ended: it gets another first.
        await refresh().catch((error: unknown) =>
          log.debug('the servers tell nothing new', { error: messageOf(error) }),
        );
        shown =
          (await renewCertificates(config, doors, { facts, cluster, port: balancer.port })) ??
          shown;
      }
      started = true;
      return { kubelet: shown.kubelet, kubeletServing: shown['kubelet-serving'] };
    },
    parts: [
      { name: 'load balancer', stop: () => balancer.stop() },
      { name: 'clients', stop: () => clients.forEach((one) => one.close()) },
    ],
    beside: (node, mirrors) => {
      const tunnels = keepTunnels({
        ca: cluster.serverCa,
        shown: () => shown.kubelet,
        servers,
        inward: {
          kubeletPort,
          pods: () => node.pods(),
          podCidr: () => node.podCidr(),
          ownAddresses: () => doors.host.addresses().map(({ address }) => address),
        },
        troubles,
        clock,
        log: log.named('tunnel'),
      });
      return [
        { name: 'tunnels', stop: () => tunnels.stop() },
        followServers({ mirrors, servers, log }, async () => {
          log.info('the servers of the cluster are known', { servers: servers.all.join(' ') });
          tunnels.look();
          await refresh();
        }),
      ];
    },
  };
}

/** What is told to a node that joins a skiff server, and that server knows better. */
function sayWhatDoesNotCount({ told }: AgentConfig, log: Log): void {
  const said = Object.entries(told).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (said.length > 0)
    log.warn('a skiff server tells its nodes of the cluster: what was said here does not count', {
      said: said.join(' '),
    });
}

/** Nodes begin with different servers, each with the same again. */
const spreadOf = (node: string) => (server: string) =>
  createHash('sha256').update(`${node} ${server}`).digest().readUInt32BE();

function toldServer({ server }: AgentConfig): string {
  const { hostname, port } = new URL(server);
  return `${hostname}:${port || 443}`;
}

/** The addresses of the `kubernetes` Service are those of the servers. */
function followServers(
  { mirrors, servers, log }: { mirrors: Mirrors; servers: ServerList; log: Log },
  changed: () => Promise<void>,
): Part {
  const slices = mirrors.of<EndpointSlice>(refs.endpointSlices);
  let first = true;
  const tell = (): void =>
    void changed().catch((error: unknown) =>
      log.warn('the settings of the cluster could not be read', { error: messageOf(error) }),
    );
  const look = (): void => {
    const own = [...slices.list()].filter(
      ({ metadata }) =>
        metadata.namespace === 'default' &&
        metadata.labels?.['kubernetes.io/service-name'] === 'kubernetes',
    );
    if (own.length > 0 && (servers.learn(own.flatMap(serversIn)) || first)) tell();
    if (own.length > 0) first = false;
  };
  const unfollow = slices.onChange((change) => {
    const { metadata } = change.object;
    if (metadata.namespace === 'default') look();
  });
  void slices.synced.then(look);
  return { name: 'server list', stop: unfollow };
}
