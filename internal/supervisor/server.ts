import { join } from 'node:path';
import type { ApiServer } from '../apiserver/api-server.ts';
import { ConfigError } from '../base/errors.ts';
import { assetBytes } from '../io/assets.ts';
import type { ResourceRef } from '../api/object.ts';
import type { Client } from '../client/client.ts';
import { mirrorFactory, type Mirrors } from '../client/mirrors.ts';
import type { Troubles } from '../client/troubles.ts';
import { loadOrCreateNode, type ServerIdentities } from '../pki/authorities.ts';
import { fileAddons, packagedAddons } from './addons.ts';
import { refuseHalfLoaded } from './capsule/contents.ts';
import { guardClock } from './clock-guard.ts';
import { ensureClusterDns, removeClusterDns } from './cluster-dns.ts';
import type { ServerConfig } from './config.ts';
import { startCustomKinds } from './custom-kinds.ts';
import { startControl } from './control.ts';
import { followBootstrap } from './bootstrap.ts';
import {
  checkToken,
  joinPasswords,
  serverIdentity,
  serverNames,
  writeAdminKubeconfig,
} from './credentials.ts';
import { isShared, openDatastore, type Datastore } from './datastore.ts';
import { dashboardAnswers } from '../dashboard/dashboard.ts';
import { realDoors, type Doors } from './doors.ts';
import { handshakeAnswers } from './handshake.ts';
import { identitiesOf, type OwnIdentities } from './identities.ts';
import { joinCluster } from './join.ts';
import { etcdRole, followEtcdNodes } from './etcd-nodes.ts';
import { followAddresses } from './follow-addresses.ts';
import { followKernel, type KernelEvents } from './kernel-events.ts';
import type { Ledger } from './ledger.ts';
import { ensureLocalStorage, removeLocalStorage } from './local-storage.ts';
import { startManifests } from './manifests.ts';
import { startAdminPolicyKinds } from './admin-policy-kinds.ts';
import { startGatewayKinds } from './gateway.ts';
import { keepIngressClass } from './ingress.ts';
import { ingressDisabled } from './node-ingress.ts';
import { ensureNetworkRole } from './network-role.ts';
import { clusterSettings } from './cluster-settings.ts';
import { nodeHandshake } from './node-handshake.ts';
import type { NodeFacts } from './node-facts.ts';
import { keepNodeRole } from './node-roles.ts';
import { nodeVoice } from './node-voice.ts';
import { runNode, takeMachine } from './node-process.ts';
import type { OwnNode } from './node.ts';
import { startRenewal, type Renewal } from './renewal.ts';
import { settleMemory } from './settle-memory.ts';
import { staticFiles } from './static-files.ts';
import { tellOfRoom } from './tell-of-room.ts';
import { advertised, startApi } from './start-api.ts';
import { startUpkeep } from './upkeep.ts';
import type { Judge } from './upgrade/judge.ts';
import { lookAtServer } from './upgrade/looks.ts';
import { upgradeOnStart } from './upgrade/on-start.ts';
import { storeOfUpgrade } from './upgrade/store.ts';
import { Tunnels } from './tunnels.ts';
import { whenWritable } from './when-writable.ts';
import { notifyReady, stopOnSignal, stopParts, type Part } from './running.ts';
import { credentialServices } from './credential-services.ts';
import { keepTokens, rotateToken } from './rotate-token.ts';
import { tokenNow, type JoinPasswords } from './token-change.ts';

export interface RunningServer {
  api: ApiServer;
  stop(): Promise<void>;
}

/** A whole server: identities, store, API server, and beside them everything that speaks to it. */
export async function startServer(
  config: ServerConfig,
  doors: Doors = realDoors(config.debug),
): Promise<RunningServer> {
  const { disk, clock } = doors;
  const startedMs = clock.monotonicMs();
  const since = (): number => Math.round(clock.monotonicMs() - startedMs);
  await refuseForeignState(config, doors);
  await refuseHalfLoaded(config, doors);
  const machine = await takeMachine(config, doors, { node: !config.disableAgent });
  await disk.makeDir('data', join(config.dataDir, 'server'), 0o700);
  const { pidFile, facts } = machine;
  const judge = await upgradeOnStart({ config, doors, ...storeOfUpgrade(config, doors) });
  // Servers that share a datastore share authorities too, and learn them there.
  const shared = await isShared(config, doors);
  const passwords = await joinPasswords(config, doors, {
    keep: shared && config.server === undefined,
  });
  const own = await identitiesOf({ config, doors, facts, passwords, shared });
  const joined = await joinCluster(config, doors);
  const opening = openDatastore({ config, doors, facts, passwords, joined });
  if (shared) await opening;
  const [identities, datastore] = await Promise.all([own.load(), opening]);
  const kernel = followKernel(doors);
  const parts: Part[] = [
    { name: 'store', stop: () => datastore.close() },
    { name: 'kernel events', stop: () => kernel.stop() },
    ...(judge ? [judge] : []),
  ];
  stopOnSignal(doors, parts, pidFile);
  try {
    return await startParts({
      ...machine,
      config,
      doors,
      identities,
      datastore,
      parts,
      passwords,
      shared,
      own,
      since,
      kernel,
      judge,
    });
  } catch (error) {
    await stopParts(doors, parts, pidFile);
    throw error;
  }
}

/** Two programs on one folder would ruin each other's state. */
async function refuseForeignState({ dataDir }: ServerConfig, { disk }: Doors): Promise<void> {
  if (
    !(await disk.stat('data', join(dataDir, 'server/db/state.db'))) &&
    !(await disk.stat('data', join(dataDir, 'server/tls/dynamic-cert.json')))
  )
    return;
  throw new ConfigError(`--data-dir: ${dataDir} holds the state of k3s`, {
    op: 'data',
    hint: 'give skiff a folder of its own; "skiff migrate k3s" brings a cluster over',
  });
}

interface Starting extends Omit<Beside, 'api' | 'identity' | 'renewal'> {
  passwords: JoinPasswords;
  shared: boolean;
  since(): number;
  lastMs: number;
  judge: Judge | undefined;
}

async function startParts({
  since,
  passwords,
  shared,
  lastMs,
  ...o
}: Starting): Promise<RunningServer> {
  const { config, doors, ledger, facts, identities, datastore, parts } = o;
  const { store } = datastore;
  const { log } = doors;
  const dir = join(config.dataDir, 'server');
  if (!shared) await tokenNow(store, { dir, doors, passwords });
  const tokens = { config, doors, datastore, passwords, serverCa: identities.serverCa.cert };
  const besides = handshakeAnswers({
    ...tokens,
    files: staticFiles(doors.disk, join(config.dataDir, 'server/static')),
    page: config.disable.includes('dashboard') ? undefined : dashboardAnswers(assetBytes),
    nodes: nodeHandshake({
      doors,
      client: () => api.inProcess({ name: 'system:skiff', groups: ['system:masters'] }),
      passwords,
      settings: clusterSettings(config),
      authorities: () => identities,
      ownNames: () => serverNames(config, facts),
    }),
  });
  const mode = config.egressMode ?? 'agent';
  const tunnels = new Tunnels({ clock: doors.clock, log: log.named('tunnels'), mode });
  parts.push({ name: 'tunnels', stop: () => tunnels.stop() });
  const api: ApiServer = await startApi({
    tunnels,
    config,
    doors,
    facts,
    identities,
    datastore,
    besides,
  });
  parts.push({ name: 'apiserver', stop: () => api.close() });
  log.info('API server ready', { port: api.port, ms: since() });
  await Promise.all([
    checkToken(tokens).then(() => keepTokens(tokens)),
    writeAdminKubeconfig(config, doors, ledger, identities, api.port),
  ]);
  if (shared)
    parts.push({
      name: 'bootstrap',
      stop: await followBootstrap(store, {
        passwords,
        dir,
        doors,
        changed: () => datastore.keys.refresh(),
        rotated: () => keepTokens(tokens),
      }),
    });
  const supervisor = api.inProcess({ name: 'system:skiff', groups: ['system:masters'] });
  const voice = nodeVoice({
    client: supervisor,
    doors,
    nodeName: facts.name,
    troubles: o.troubles,
  });
  parts.push(
    { name: 'voice', stop: () => voice.stop() },
    guardClock({ dataDir: config.dataDir, doors, lastMs, troubles: o.troubles, said: voice.warn }),
  );
  const standing = {
    pid: process.pid,
    startedMs: doors.clock.now(),
    agent: !config.disableAgent,
    ready: false,
    kubeconfig: config.writeKubeconfig,
  };
  const renewal = startRenewal(doors);
  const credentials = credentialServices({
    ...{ config, doors, datastore, passwords },
    renewal: () => (standing.ready ? renewal : undefined),
  });
  const upkeep = async (): Promise<() => Promise<void>> => {
    const copied = o.own.keepCopy(datastore);
    const started = await startUpkeep({
      config,
      doors,
      facts,
      datastore,
      credentials,
      about: () => standing,
      rotateToken: async (request) => {
        await rotateToken(request, tokens);
        await o.own.keepCopy(datastore);
      },
    });
    return stopOf([{ name: 'copy of the authorities', stop: () => copied }, started]);
  };
  parts.push({
    name: 'upkeep',
    stop: await whenWritable({ what: 'upkeep', room: datastore.room, log, start: upkeep }),
  });
  await startBeside({
    ...o,
    api,
    renewal,
    identity: shared ? await serverIdentity(config, doors, facts.name) : undefined,
  });
  log.info('server ready', { ms: since() });
  standing.ready = true;
  parts.push(settleMemory(doors));
  await notifyReady(doors);
  const judged = { client: supervisor, nodeName: facts.name, hasNode: !config.disableAgent };
  o.judge?.started({ look: (since) => lookAtServer({ ...judged, ...since }), running: () => [] });
  return {
    api,
    stop: async () => {
      for (const part of parts.toReversed()) await part.stop();
    },
  };
}

interface Beside {
  config: ServerConfig;
  doors: Doors;
  ledger: Ledger;
  facts: NodeFacts;
  identities: ServerIdentities;
  api: ApiServer;
  datastore: Datastore;
  parts: Part[];
  /** This server's identity among several, if there may be several. */
  identity: string | undefined;
  own: OwnIdentities;
  troubles: Troubles;
  kernel: KernelEvents;
  renewal: Renewal;
}

/** Everything that needs the API server and nothing of each other: it starts at once. */
async function startBeside(options: Beside): Promise<void> {
  const { config, doors, identities, api, parts, renewal } = options;
  // Reads for the whole process are made with all rights; each part writes as itself.
  const supervisor = api.inProcess({ name: 'system:skiff', groups: ['system:masters'] });
  const mirrors = mirrorFactory(supervisor, doors.clock, doors.log.named('mirrors'));
  parts.push({ name: 'mirrors', stop: () => mirrors.stop() });
  const manifests = {
    dir: join(config.dataDir, 'server/manifests'),
    disable: config.disable,
    statePath: join(config.dataDir, 'server/manifests.state'),
    client: supervisor,
    resolve: (apiVersion: string, kind: string) => servedKind(api, apiVersion, kind),
    addons: fileAddons(supervisor, doors),
    doors,
  };
  parts.push(
    startCustomKinds({
      client: supervisor,
      api,
      doors,
      wanted: { helm: !config.disableHelm, plans: !config.disable.includes('system-upgrade') },
      ready: async () => {
        // The last: when this fails, all of it is tried again.
        await packagedAddons(supervisor, packagedComponents(config));
        const started = await startManifests(manifests);
        return () => started.stop();
      },
    }),
  );
  const on = !ingressDisabled(config.disable);
  parts.push(startGatewayKinds({ client: supervisor, api, doors, on }));
  if (!config.disableNetworkPolicy) parts.push(startAdminPolicyKinds(supervisor, doors));
  renewal.add(renewServer(options));
  const { etcd, room, renew } = options.datastore;
  if (renew) renewal.add(renew);
  if (etcd)
    parts.push(
      followEtcdNodes({ mirrors, etcd, ownName: options.facts.name, log: doors.log.named('etcd') }),
    );
  if (room)
    parts.push(
      tellOfRoom({ room, troubles: options.troubles, folder: join(config.dataDir, 'server/db') }),
    );
  parts.push(renewal);
  const started = await Promise.all([
    startControl({ config, doors, api, mirrors, identities, identity: options.identity }),
    config.disableAgent ? undefined : startNodeWhenWritable({ ...options, mirrors }),
    whenWritable({
      what: 'what components find in the API',
      room,
      log: doors.log,
      start: () => componentObjects(supervisor, config),
    }),
  ]);
  const [control, node, stopObjects] = started;
  parts.push(...control, ...(node?.parts ?? []));
  parts.push({ name: 'objects of components', stop: stopObjects });
  parts.push(
    followAddresses({ ...options, moved: (from) => moveServer({ ...options, node }, from) }),
  );
}

/** Roles, classes and Services of what is a part of this program; only what is not there yet. */
async function componentObjects(
  client: Client,
  config: ServerConfig,
): Promise<() => Promise<void>> {
  const { disable, clusterDns } = config;
  await Promise.all([
    ensureNetworkRole(client),
    disable.includes('local-storage')
      ? removeLocalStorage(client)
      : ensureLocalStorage(client, config),
    keepIngressClass(client, disable),
    disable.includes('coredns') ? removeClusterDns(client) : ensureClusterDns(client, clusterDns),
  ]);
  return () => Promise.resolve();
}

/** What k3s deploys as files, and is a part of this program here. */
function packagedComponents({ disable, ...config }: ServerConfig): Record<string, boolean> {
  const on = (name: string): boolean => !disable.includes(name);
  return {
    coredns: on('coredns'),
    servicelb: on('servicelb'),
    ingress: !ingressDisabled(disable),
    'local-storage': on('local-storage'),
    'metrics-server': on('metrics-server'),
    dashboard: on('dashboard'),
    'network-policy': !config.disableNetworkPolicy,
    'helm-controller': !config.disableHelm,
    'system-upgrade': on('system-upgrade'),
  };
}

/** Puts renewed certificates in force, without a restart. */
function renewServer({
  config,
  doors,
  ledger,
  api,
  identities,
  datastore,
  own,
}: Beside): () => Promise<boolean> {
  let current = identities;
  const used = (all: ServerIdentities): string =>
    [all.serverCa, all.apiServer, all.admin, all.kubeletClient, all.authProxy]
      .map(({ cert }) => cert)
      .join('');
  return async () => {
    // Others were put in their place, and count from the next start on: what they sign, too.
    if (await own.changed(identities)) return false;
    const now = await own.load();
    if (used(now) === used(current)) return false;
    api.renew({ tls: now.apiServer, kubeletClient: now.kubeletClient, frontProxy: now.authProxy });
    await writeAdminKubeconfig(config, doors, ledger, now, api.port);
    current = now;
    await own.keepCopy(datastore);
    return true;
  };
}

/**
 * The machine has another address: certificates, the `kubernetes` Service, the Node and its network
 * follow.
 */
async function moveServer(o: Beside & { node: OwnNode | undefined }, from: string): Promise<void> {
  await o.renewal.look();
  // First of all, for nothing is written before: the others still look for this member elsewhere.
  await o.datastore.readdress?.(o.facts);
  await o.node?.readdress();
  await o.api.readvertise(advertised(o.config, o.facts));
  o.doors.log.info('the new address is in force', { from, to: o.facts.ip });
}

const stopOf = (parts: Part[]) => async (): Promise<void> => {
  for (const part of parts.toReversed()) await part.stop();
};

/** Containers need a disk; the API does not. */
async function startNodeWhenWritable(options: Beside & { mirrors: Mirrors }): Promise<OwnNode> {
  const { room } = options.datastore;
  if (room?.state !== 'read-only') return await startOwnNode(options);
  let node: OwnNode | undefined;
  const start = async (): Promise<() => Promise<void>> =>
    stopOf((node = await startOwnNode(options)).parts);
  const stop = await whenWritable({ what: 'the node', room, log: options.doors.log, start });
  return {
    parts: [{ name: 'node', stop }],
    lacks: async () => await node?.lacks(),
    readdress: async () => await node?.readdress(),
    renewCertificate: (tls) => node?.renewCertificate(tls),
    pods: () => node?.pods() ?? [],
    podCidr: () => node?.podCidr(),
  };
}

/**
 * The node in the server's own process: a node like any other, except that its calls need no wire.
 */
async function startOwnNode(options: Beside & { mirrors: Mirrors }): Promise<OwnNode> {
  const { config, doors, facts, identities, api } = options;
  const client = api.inProcess({ name: `system:node:${facts.name}`, groups: ['system:nodes'] });
  const node = await runNode({
    packets: true,
    ...options,
    cluster: config,
    client,
    networkMirrors: options.mirrors,
    clientCa: identities.clientCa.cert,
    serversCa: () => identities.serverCa.cert,
    identities: () =>
      loadOrCreateNode({
        ...doors,
        dir: join(config.dataDir, 'agent'),
        ...identities,
        nodeName: facts.name,
        addresses: [...facts.ips, ...facts.externalIps],
      }),
  });
  const roles = [
    'node-role.kubernetes.io/control-plane',
    ...(options.datastore.etcd ? [etcdRole] : []),
  ];
  const role = keepNodeRole({
    client: api.inProcess({ name: 'system:skiff', groups: ['system:masters'] }),
    mirrors: options.mirrors,
    nodeName: facts.name,
    roles,
    log: doors.log,
  });
  return { ...node, parts: [role, ...node.parts] };
}

function servedKind(api: ApiServer, apiVersion: string, kind: string): ResourceRef | undefined {
  const [version = '', group = ''] = apiVersion.split('/').toReversed();
  const served = api.server.core.resources.ofKind(group, version, kind);
  return (
    served && { group, version, resource: served.resource, kind, namespaced: served.namespaced }
  );
}
