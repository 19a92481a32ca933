import { join } from 'node:path';
import { ApiError } from '../../api/status.ts';
import { ConfigError, messageOf } from '../../base/errors.ts';
import { httpClient, type HttpClientOptions } from '../../client/http.ts';
import { connectionOf, type Connection } from '../../client/kubeconfig.ts';
import { readCertificate } from '../../base/x509/certificate.ts';
import { commonNameOf } from '../../base/x509/name.ts';
import { pemBlocks } from '../../base/x509/pem.ts';
import type { Identity } from '../../pki/certificate.ts';
import { certificateFault, privateKeyFault, store } from '../../pki/pair-files.ts';
import { parseToken } from '../../pki/tokens.ts';
import { readCluster } from '../agent-settings.ts';
import { NoAnswerError } from '../ask-server.ts';
import type { Starting, Way } from '../agent-way.ts';
import { toldToken } from '../agent-join.ts';
import type { AgentConfig } from '../config.ts';
import type { Doors } from '../doors.ts';
import type { NodeFacts } from '../node-facts.ts';
import type { ClusterNetwork } from '../node-network.ts';
import type { Renewal } from '../renewal.ts';
import { clientAuthority, clusterFacts } from './cluster-facts.ts';
import { clusterInfo } from './cluster-info.ts';
import { forgetPlain, keepPlain, readPlain, type PlainCluster } from './kept.ts';
import {
  clientWanted,
  keptPair,
  ownServing,
  servingWanted,
  signedBy,
  type Wanted,
} from './node-requests.ts';

const op = 'join';
const retryMs = 5000;

/** How the API server is reached and what is shown to it before the node has a certificate. */
type Bootstrap = Pick<PlainCluster, 'server' | 'serverName' | 'ca'> & {
  shown: Pick<HttpClientOptions, 'token' | 'cert' | 'key'>;
};

/**
 * The way to a plain API server: told by `--kubeconfig`, kept of an earlier start, or found behind
 * `--server` with a bootstrap token. Undefined: `--server` is a skiff server.
 */
export async function plainWay({ config, doors, machine }: Starting): Promise<Way | undefined> {
  const { facts } = machine;
  const dir = join(config.dataDir, 'agent');
  let cluster = await readPlain(doors.disk, dir);
  const wanted = clientWanted(facts);
  const kept = await keptPair(doors, dir, wanted);
  let pair = kept?.pair;
  const meant = cluster && pair && (await isStillMeant(config, doors, cluster));
  if (!meant) {
    // A member of a cluster of skiff's asks nobody: its servers may be away.
    const member = config.kubeconfig === undefined && (await readCluster(doors.disk, dir));
    const found = member
      ? undefined
      : await tryUntilAnswered(config, doors, () => bootstrapOf(config, doors));
    if (!found) {
      if (cluster) await forgetPlain(doors.disk, dir);
      return undefined;
    }
    const joined = await tryUntilAnswered(config, doors, () =>
      joinPlain({ config, doors, facts }, { dir, found, wanted }),
    );
    ({ cluster, pair } = joined);
  }
  return cluster && pair && wayTo({ config, doors, facts, dir, cluster, pair });
}

/** A machine that is sent to another cluster joins that one. */
async function isStillMeant(
  config: AgentConfig,
  { disk }: Doors,
  cluster: PlainCluster,
): Promise<boolean> {
  if (config.kubeconfig === undefined) return urlOf(config.server) === cluster.server;
  if (!(await disk.stat(op, config.kubeconfig))) return true; // it was for the first start alone
  const { server, ca } = await connectionOf(config.kubeconfig, disk);
  return urlOf(server) === cluster.server && (ca?.toString() ?? '') === (cluster.ca ?? '');
}

const urlOf = (server: string): string => new URL(server).origin;

/** Asks again and again while nobody answers; what is refused ends the start. */
async function tryUntilAnswered<T>(
  config: AgentConfig,
  doors: Doors,
  asked: () => Promise<T>,
): Promise<T> {
  for (;;) {
    try {
      return await asked();
    } catch (error) {
      const later =
        error instanceof NoAnswerError ||
        (error instanceof ApiError
          ? error.httpStatus >= 500 || error.httpStatus === 429
          : !(error instanceof ConfigError));
      if (!later) throw error;
      doors.log.warn('joining: not yet, trying again', {
        server: config.server || config.kubeconfig,
        error: messageOf(error),
      });
      await doors.clock.sleep(op, retryMs);
    }
  }
}

async function bootstrapOf(config: AgentConfig, doors: Doors): Promise<Bootstrap | undefined> {
  if (config.kubeconfig !== undefined)
    return ofKubeconfig(await connectionOf(config.kubeconfig, doors.disk), config.kubeconfig);
  const { bootstrap: token, caHash } = parseToken(await toldToken(config, doors));
  // The full form is skiff's own: whoever has one was given it by a skiff server.
  if (token === undefined || caHash !== '') return undefined;
  const found = await clusterInfo(doors.dial, { url: config.server, token });
  if (!found) return undefined;
  doors.log.info('joining: a plain API server, which the token vouches for', {
    server: config.server,
  });
  return { server: urlOf(config.server), ca: found.ca, shown: { token } };
}

function ofKubeconfig(told: Connection, file: string): Bootstrap {
  const { server, ca, cert, key, token, serverName } = told;
  if (told.insecureSkipVerify)
    throw new ConfigError(`${file}: a node does not go to a server that proves nothing`, {
      op,
      hint: 'give certificate-authority-data in the place of insecure-skip-tls-verify',
    });
  if (!URL.canParse(server) || new URL(server).protocol !== 'https:')
    throw new ConfigError(`${file}: "${server}" is not an https:// URL`, { op });
  return {
    server: urlOf(server),
    ...(ca && { ca: ca.toString() }),
    ...(serverName !== undefined && { serverName }),
    shown: { ...(token !== undefined && { token }), ...(cert && { cert }), ...(key && { key }) },
  };
}

const clientTo = (
  { server, ca, serverName }: Pick<PlainCluster, 'server' | 'ca' | 'serverName'>,
  shown: Bootstrap['shown'] | (() => Identity),
): ReturnType<typeof httpClient> =>
  httpClient({
    server,
    userAgent: 'skiff-agent',
    ...(typeof shown === 'function'
      ? { tls: () => ({ ca, serverName, ...shown() }) }
      : { ca, serverName, ...shown }),
  });

async function joinPlain(
  { config, doors, facts }: { config: AgentConfig; doors: Doors; facts: NodeFacts },
  { dir, found, wanted }: { dir: string; found: Bootstrap; wanted: Wanted },
): Promise<{ cluster: PlainCluster; pair: Identity }> {
  const { shown, ...to } = found;
  const first = clientTo(to, shown);
  let second: ReturnType<typeof httpClient> | undefined;
  try {
    const pair =
      (await ownPair(doors, { dir, wanted, shown })) ??
      (await signedBy(first, doors, { dir, wanted }).catch(mayNot));
    doors.log.info('joining: the node has its certificate', { node: facts.name });
    second = clientTo(to, () => pair);
    const clients = [first, second];
    const clientCa = (await clientAuthority(clients)) ?? to.ca;
    if (clientCa === undefined)
      throw new ConfigError('nobody says which authority vouches for those who ask this node', {
        op,
        hint: 'give certificate-authority-data in the kubeconfig',
      });
    const cluster = { ...to, clientCa, facts: await clusterFacts(clients) };
    networkOf(config, cluster); // what is missing is said before anything is kept
    await keepPlain(doors.disk, dir, cluster);
    return { cluster, pair };
  } finally {
    first.close();
    second?.close();
  }
}

function mayNot(error: unknown): never {
  if (!(error instanceof ApiError) || error.httpStatus >= 500) throw error;
  throw new ConfigError(`a certificate for this node cannot be asked for: ${error.message}`, {
    op,
    hint:
      'bind the ClusterRole system:node-bootstrapper to the group of the token, or give another ' +
      'token',
  });
}

/** A kubeconfig may hold the certificate of the very node, as a kubelet's own does. */
async function ownPair(
  { disk }: Doors,
  { dir, wanted, shown }: { dir: string; wanted: Wanted; shown: Bootstrap['shown'] },
): Promise<Identity | undefined> {
  const [cert, key] = [String(shown.cert ?? ''), String(shown.key ?? '')];
  if (certificateFault(cert) !== undefined || privateKeyFault(key) !== undefined) return undefined;
  const [block] = pemBlocks(cert);
  const name = block && commonNameOf(readCertificate(block.bytes).subject);
  if (!name?.startsWith('system:node:')) return undefined;
  if (name !== wanted.cn)
    throw new ConfigError(`the kubeconfig is that of another node, ${name.slice(12)}`, {
      op,
      hint: 'give --node-name, or a bootstrap kubeconfig',
    });
  return await store(disk, dir, wanted.file, { cert, key });
}

/**
 * What the node goes by. What the operator says counts more than what the cluster tells. Without a
 * pod network of ours only the address of the DNS is needed, and it may be unknown.
 */
function networkOf(config: AgentConfig, { facts }: PlainCluster): ClusterNetwork {
  const { told } = config;
  const clusterCidr = told.clusterCidr ?? facts.clusterCidr ?? '';
  const serviceCidr = told.serviceCidr ?? facts.serviceCidr ?? '';
  const clusterDns = told.clusterDns ?? facts.clusterDns ?? '';
  const own = told.backend !== undefined && told.backend !== 'none';
  const missing = [
    ...(clusterCidr === '' ? ['--cluster-cidr'] : []),
    ...(serviceCidr === '' ? ['--service-cidr'] : []),
    ...(clusterDns === '' ? ['--cluster-dns'] : []),
  ];
  if (own && missing.length > 0)
    throw new ConfigError(
      `--flannel-backend=${told.backend} needs to know more of the cluster than it tells`,
      { op, hint: `give ${missing.join(', ')}` },
    );
  return {
    clusterCidr,
    serviceCidr,
    clusterDns,
    clusterDomain: told.clusterDomain ?? facts.clusterDomain ?? 'cluster.local',
    disable: ['coredns', 'traefik'],
  };
}

function wayTo(o: {
  config: AgentConfig;
  doors: Doors;
  facts: NodeFacts;
  dir: string;
  cluster: PlainCluster;
  pair: Identity;
}): Way {
  const { config, doors, facts, dir, cluster } = o;
  let shown = o.pair;
  let serving = ownServing(doors, servingWanted(facts));
  const api = clientTo(cluster, () => shown);
  const backend = config.told.backend ?? 'none';
  const stop = new AbortController();
  const asking = new Set<string>();
  let due: { cancel(): void } | undefined;
  let started = false;

  /** Whether and when somebody signs it is the cluster's affair: nothing waits for it. */
  const ask = (wanted: Wanted, renewal: Renewal): void => {
    if (asking.has(wanted.file)) return;
    asking.add(wanted.file);
    signedBy(api, doors, { dir, wanted, signal: stop.signal }).then(
      async () => {
        asking.delete(wanted.file);
        await renewal.look();
      },
      (error: unknown) => {
        asking.delete(wanted.file);
        if (!stop.signal.aborted)
          doors.log.warn('the node keeps the certificate that it has', {
            for: wanted.usage,
            error: messageOf(error),
          });
      },
    );
  };
  const renewed = async (renewal: Renewal): Promise<void> => {
    const now = doors.clock.now();
    const dueAt: number[] = [];
    const keptOrAsked = async (wanted: Wanted): Promise<Identity | undefined> => {
      const kept = await keptPair(doors, dir, wanted);
      if (kept && kept.dueMs > now) dueAt.push(kept.dueMs);
      else ask(wanted, renewal);
      return kept?.pair;
    };
    shown = (await keptOrAsked(clientWanted(facts))) ?? shown;
    serving = (await keptOrAsked(servingWanted(facts))) ?? serving;
    due?.cancel();
    if (dueAt.length > 0)
      due = doors.clock.after('certificates', Math.min(...dueAt) - now, () => void renewal.look());
  };
  return {
    settings: networkOf(config, cluster),
    node: {
      ...config,
      flannelBackend: backend,
      disableKubeProxy: backend === 'none' || config.disableKubeProxy,
    },
    packets: backend !== 'none',
    clientCa: cluster.clientCa,
    clients: [api, api],
    identities: async (renewal) => {
      // A node starts with what it has; what is due is asked for once it runs.
      if (started) await renewed(renewal);
      else serving = (await keptPair(doors, dir, servingWanted(facts)))?.pair ?? serving;
      started = true;
      return { kubelet: shown, kubeletServing: serving };
    },
    beside: () => [],
    parts: [
      {
        name: 'certificates',
        stop: () => {
          stop.abort();
          due?.cancel();
          api.close();
        },
      },
    ],
  };
}
