import { join } from 'node:path';
import { createApiServer, type ApiServer } from '../apiserver/api-server.ts';
import { ConfigError } from '../base/errors.ts';
import type { ResourceRef } from '../api/object.ts';
import { mirrorFactory, type Mirrors } from '../client/mirrors.ts';
import { buildInfo } from '../io/assets.ts';
import { realDial } from '../io/dial.ts';
import { loadOrCreateNode, type ServerIdentities } from '../pki/authorities.ts';
import { authenticationFiles } from './authentication-files.ts';
import { ensureClusterDns, removeClusterDns } from './cluster-dns.ts';
import type { ServerConfig } from './config.ts';
import { startControl } from './control.ts';
import { checkKernelDefaults } from './kernel-defaults.ts';
import { followBootstrap } from './bootstrap.ts';
import { clusterPassword, joinToken, serverIdentities, serverIdentity, serverNames, writeAdminKubeconfig } from './credentials.ts';
import { isShared, openDatastore, type Datastore } from './datastore.ts';
import { realDoors, type Doors } from './doors.ts';
import { handshakeAnswers } from './handshake.ts';
import { joinCluster } from './join.ts';
import { etcdRole, followEtcdNodes } from './etcd-nodes.ts';
import { Ledger, ledgerPath } from './ledger.ts';
import { startManifests } from './manifests.ts';
import { nodeFacts, type NodeFacts } from './node-facts.ts';
import { keepNodeRole } from './node-roles.ts';
import { startNode } from './node.ts';
import { gitVersion } from './release.ts';
import { startRenewal } from './renewal.ts';
import { tellOfRoom } from './tell-of-room.ts';
import { startUpkeep } from './upkeep.ts';
import { whenWritable } from './when-writable.ts';
import { claimPidFile, notifyReady, stopOnSignal, stopParts, type Part } from './running.ts';

export interface RunningServer {
  api: ApiServer;
  stop(): Promise<void>;
}

/** A whole server: identities, store, API server, and beside them everything that speaks to it. */
export async function startServer(config: ServerConfig, doors: Doors = realDoors(config.debug)): Promise<RunningServer> {
  const { disk, clock } = doors;
  const startedMs = clock.monotonicMs();
  const since = (): number => Math.round(clock.monotonicMs() - startedMs);
  await refuseForeignState(config, doors);
  if (config.protectKernelDefaults && !config.disableAgent) await checkKernelDefaults(disk);
  await Promise.all([disk.makeDir('data', join(config.dataDir, 'server'), 0o700), disk.makeDir('run', config.runDir, 0o711)]);
  const pidFile = join(config.runDir, 'skiff.pid');
  await claimPidFile(doors, pidFile);
  const ledger = await Ledger.open(disk, ledgerPath(config.dataDir));
  const facts = await nodeFacts(config, doors);
  const names = serverNames(config, facts, firstAddress(config.serviceCidr));
  const reload = (): Promise<ServerIdentities> => serverIdentities(config, doors, names);
  // Servers that share a datastore share authorities too, and learn them there.
  const shared = await isShared(config, doors);
  const password = await clusterPassword(config, doors, { keep: shared && config.server === undefined });
  const joined = await joinCluster(config, doors);
  const opening = openDatastore({ config, doors, facts, password, joined });
  if (shared) await opening;
  const [identities, datastore] = await Promise.all([reload(), opening]);
  const { store } = datastore;
  const parts: Part[] = [{ name: 'store', stop: () => store.close() }];
  stopOnSignal(doors, parts, pidFile);
  try {
    return await startParts({ config, doors, ledger, facts, identities, datastore, parts, password, shared, reload, since });
  } catch (error) {
    await stopParts(doors, parts, pidFile);
    throw error;
  }
}

/** Two programs on one folder would ruin each other's state. */
async function refuseForeignState({ dataDir }: ServerConfig, { disk }: Doors): Promise<void> {
  if (!(await disk.stat('data', join(dataDir, 'server/db/state.db'))) && !(await disk.stat('data', join(dataDir, 'server/tls/dynamic-cert.json')))) return;
  throw new ConfigError(`--data-dir: ${dataDir} holds the state of k3s`, { op: 'data', hint: 'give skiff a folder of its own; "skiff migrate k3s" brings a cluster over' });
}

interface Starting extends Omit<Beside, 'api' | 'identity'> {
  password: string;
  shared: boolean;
  since(): number;
}

async function startParts({ since, password, shared, ...o }: Starting): Promise<RunningServer> {
  const { config, doors, ledger, facts, identities, datastore, parts } = o;
  const { store } = datastore;
  const { log } = doors;
  const besides = handshakeAnswers({ config, doors, datastore, password, serverCa: identities.serverCa.cert });
  const api = await startApi({ config, doors, facts, identities, datastore, besides });
  parts.push({ name: 'apiserver', stop: () => api.close() });
  log.info('API server ready', { port: api.port, ms: since() });
  await Promise.all([
    joinToken(config, doors, { serverCa: identities.serverCa.cert, password }),
    writeAdminKubeconfig(config, doors, ledger, identities, api.port),
  ]);
  if (shared) parts.push({ name: 'bootstrap', stop: followBootstrap(store, { password, dir: join(config.dataDir, 'server'), doors, changed: () => datastore.keys.refresh() }) });
  const room = roomOf(datastore);
  parts.push({ name: 'upkeep', stop: await whenWritable({ what: 'upkeep', room, log, start: async () => stopOf(await startUpkeep({ config, doors, facts, datastore })) }) });
  await startBeside({ ...o, api, identity: shared ? await serverIdentity(config, doors, facts.name) : undefined });
  log.info('server ready', { ms: since() });
  await notifyReady(doors);
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
  /** Who this server is among others, if there may be others. */
  identity: string | undefined;
  reload(): Promise<ServerIdentities>;
}

/** Everything that needs the API server and nothing of each other: it starts at once. */
async function startBeside(options: Beside): Promise<void> {
  const { config, doors, ledger, identities, api, parts } = options;
  // Whoever reads for the whole process reads with all rights; each writes as itself.
  const supervisor = api.inProcess({ name: 'system:skiff', groups: ['system:masters'] });
  const mirrors = mirrorFactory(supervisor, doors.clock, doors.log.named('mirrors'));
  parts.push({ name: 'mirrors', stop: () => mirrors.stop() });
  const manifests = {
    dir: join(config.dataDir, 'server/manifests'),
    disable: config.disable,
    statePath: join(config.dataDir, 'server/manifests.state'),
    client: supervisor,
    resolve: (apiVersion: string, kind: string) => servedKind(api, apiVersion, kind),
    doors,
  };
  const changed = async (renewed: ServerIdentities): Promise<void> => {
    api.renewCertificate(renewed.apiServer);
    await writeAdminKubeconfig(config, doors, ledger, renewed, api.port);
  };
  if (options.datastore.kind === 'etcd') parts.push(followEtcdNodes({ mirrors, etcd: options.datastore.etcd, ownName: options.facts.name, log: doors.log.named('etcd') }));
  if (options.datastore.kind === 'file') parts.push(tellOfRoom({ room: options.datastore.room, client: supervisor, doors, nodeName: options.facts.name, folder: join(config.dataDir, 'server/db') }));
  parts.push(startRenewal({ doors, current: identities, reload: options.reload, changed }));
  const started = await Promise.all([
    startControl({ config, doors, api, mirrors, identities, identity: options.identity }),
    config.disableAgent ? [] : startNodeWhenWritable({ ...options, mirrors }),
    startManifests(manifests).then((part) => [{ name: 'manifests', ...part }]),
    config.disable.includes('coredns') ? removeClusterDns(supervisor).then(() => []) : ensureClusterDns(supervisor, config.clusterDns).then(() => []),
  ]);
  parts.push(...started.flat());
}

const roomOf = (datastore: Datastore) => (datastore.kind === 'file' ? datastore.room : undefined);
const stopOf = (part: Part) => async (): Promise<void> => void (await part.stop());

/** Containers need a disk; the API does not. */
async function startNodeWhenWritable(options: Beside & { mirrors: Mirrors }): Promise<Part[]> {
  const room = roomOf(options.datastore);
  if (room?.state !== 'read-only') return await startOwnNode(options);
  const start = async (): Promise<() => Promise<void>> => {
    const parts = await startOwnNode(options);
    return async () => {
      for (const part of parts.toReversed()) await part.stop();
    };
  };
  return [{ name: 'node', stop: await whenWritable({ what: 'the node', room, log: options.doors.log, start }) }];
}

/** The node in the server's own process: a node like any other, except that its calls need no wire. */
async function startOwnNode(options: Beside & { mirrors: Mirrors }): Promise<Part[]> {
  const { config, doors, facts, identities, api } = options;
  const client = api.inProcess({ name: `system:node:${facts.name}`, groups: ['system:nodes'] });
  const own = await loadOrCreateNode({ ...doors, dir: join(config.dataDir, 'agent'), ...identities, nodeName: facts.name, addresses: [...facts.ips, ...facts.externalIps] });
  const mirrors = mirrorFactory(client, doors.clock, doors.log.named('agent'));
  const parts = await startNode({
    ...options,
    cluster: config,
    client,
    mirrors,
    networkMirrors: options.mirrors,
    identities: own,
    clientCa: identities.clientCa.cert,
  });
  const roles = ['node-role.kubernetes.io/control-plane', ...(options.datastore.kind === 'etcd' ? [etcdRole] : [])];
  const role = keepNodeRole({ client: api.inProcess({ name: 'system:skiff', groups: ['system:masters'] }), mirrors: options.mirrors, nodeName: facts.name, roles, log: doors.log });
  return [role, { name: 'agent mirrors', stop: () => mirrors.stop() }, ...parts];
}

interface ApiParts {
  config: ServerConfig;
  doors: Doors;
  facts: NodeFacts;
  identities: ServerIdentities;
  datastore: Datastore;
  besides: ReturnType<typeof handshakeAnswers>;
}

async function startApi({ config, doors, facts, identities, datastore, besides }: ApiParts): Promise<ApiServer> {
  const { version, commit } = buildInfo();
  const own = config.apiServer ?? {};
  return await createApiServer({
    store: datastore.store,
    sharedStore: datastore.kind !== 'file',
    besides,
    clock: doors.clock,
    log: doors.log.named('apiserver'),
    random: doors.random,
    dial: realDial,
    listen: { host: config.bindAddress, port: config.httpsListenPort },
    tls: identities.apiServer,
    clientCa: identities.clientCa.cert,
    serverCa: identities.serverCa.cert,
    serviceAccount: { signingKey: identities.serviceKey, issuer: own.serviceAccountIssuer ?? `https://kubernetes.default.svc.${config.clusterDomain}`, audiences: own.audiences },
    anonymous: own.anonymousAuth,
    flowControl: own.flowControl,
    audit: own.audit,
    ...(await authenticationFiles(own, doors)),
    eventTtlSeconds: own.eventTtlSeconds,
    defaultTolerations: { notReadySeconds: own.notReadyTolerationSeconds, unreachableSeconds: own.unreachableTolerationSeconds },
    kubeletClient: { ...identities.kubeletClient, ca: identities.serverCa.cert },
    requestHeader: {
      ca: identities.requestHeaderCa.cert,
      clientCert: identities.authProxy.cert,
      clientKey: identities.authProxy.key,
      allowedNames: ['system:auth-proxy'],
    },
    advertiseAddress: config.advertiseAddress ?? facts.externalIps[0] ?? facts.ip,
    ...(config.advertisePort !== undefined && { advertisePort: config.advertisePort }),
    serviceCidr: config.serviceCidr,
    nodePortRange: config.nodePortRange,
    version: { gitVersion: gitVersion(version), gitCommit: commit },
  });
}

function servedKind(api: ApiServer, apiVersion: string, kind: string): ResourceRef | undefined {
  const [version = '', group = ''] = apiVersion.split('/').toReversed();
  const served = api.server.core.resources.ofKind(group, version, kind);
  return served && { group, version, resource: served.resource, kind, namespaced: served.namespaced };
}

/** The first address of the service range belongs to the API server. */
function firstAddress(range: string): string {
  const parts = (range.split('/')[0] ?? '').split('.').map(Number);
  return [...parts.slice(0, 3), (parts[3] ?? 0) + 1].join('.');
}
