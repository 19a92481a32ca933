import { join } from 'node:path';
import { ConfigError, messageOf } from '../base/errors.ts';
import { dialPool, realDial, type Dial, type DialTarget } from '../io/dial.ts';
import type { Identity } from '../pki/certificate.ts';
import { certificateFault } from '../pki/pair-files.ts';
import type { NodePurpose } from '../pki/node-certificates.ts';
import { vouchedFor } from '../pki/overlap.ts';
import { parseToken, type Token } from '../pki/tokens.ts';
import { checkSettings, keepCluster, readCluster, type KeptCluster } from './agent-settings.ts';
import { ask, NoAnswerError, parse, targetOf, trustedAuthority } from './ask-server.ts';
import type { AgentConfig } from './config.ts';
import type { Doors } from './doors.ts';
import { handshakePaths, type ClusterSettings } from './handshake-paths.ts';
import type { NodeFacts } from './node-facts.ts';
import {
  authorizationOf,
  enrol,
  keptCertificates,
  nodePassword,
  refused,
  type Enrolment,
  type NodeCertificates,
} from './node-identities.ts';

/** A node's place in a cluster: all that it needs to speak to its servers. */
export interface Membership {
  cluster: KeptCluster;
  certificates: NodeCertificates;
  /** It was on the disk, and no server was asked. */
  kept: boolean;
}

const op = 'join';

/** Between two attempts while no server answers. */
const retryMs = 5000;

/**
 * Makes this machine a node of the cluster, or finds that it is one: what was kept of an earlier
 * start is enough, so that a node starts while its servers are away. What is asked for at a first
 * start is asked for again until a server answers; what a server refuses ends the start.
 */
export async function joinAsNode(
  config: AgentConfig,
  doors: Doors,
  { facts, dial = realDial }: { facts: NodeFacts; dial?: Dial },
): Promise<Membership> {
  const dir = join(config.dataDir, 'agent');
  const token = parseToken(await toldToken(config, doors));
  const kept = await keptMembership({ config, doors, facts, dir, token });
  if (kept) return kept;
  for (;;) {
    try {
      return await joinNow(config, doors, { facts, dial, dir, token });
    } catch (error) {
      if (!(error instanceof NoAnswerError)) throw error;
      doors.log.warn('no server answers, trying again', {
        server: config.server,
        error: messageOf(error),
      });
      await doors.clock.sleep(op, retryMs);
    }
  }
}

/** The token of the command line or its file. */
export async function toldToken(
  config: AgentConfig,
  { disk }: Pick<Doors, 'disk'>,
): Promise<string> {
  if (config.tokenFile === undefined) return config.token ?? '';
  return (await disk.read('token file', config.tokenFile)).toString();
}

async function keptMembership(o: {
  config: AgentConfig;
  doors: Doors;
  facts: NodeFacts;
  dir: string;
  token: Token;
}): Promise<Membership | undefined> {
  const { doors, facts, dir, token } = o;
  const cluster = await readCluster(doors.disk, dir);
  if (!cluster) return undefined;
  // Told another cluster's token, it is to go there.
  if (token.caHash !== '' && vouchedFor(cluster.serverCa, token.caHash) === undefined)
    return undefined;
  const found = await keptCertificates({
    doors,
    dir,
    nodeName: facts.name,
    addresses: [...facts.ips, ...facts.externalIps],
    ca: cluster.serverCa,
    clientCa: cluster.clientCa,
  });
  return found && { cluster, certificates: found.all, kept: true };
}

interface Joining {
  facts: NodeFacts;
  dial: Dial;
  dir: string;
  token: Token;
}

async function joinNow(config: AgentConfig, doors: Doors, o: Joining): Promise<Membership> {
  const { log } = doors;
  const { token, dial } = o;
  const url = config.server;
  const { target, ca } = await trustedAuthority({
    url,
    token,
    dial,
    warn: (message, more) => log.warn(message, more),
  });
  // A handshake costs more than the question.
  const pool = dialPool({ tls: true });
  try {
    return await joinOver(config, doors, o, { target: { ...target, pool }, vouched: ca });
  } finally {
    pool.close();
  }
}

async function joinOver(
  config: AgentConfig,
  doors: Doors,
  { facts, dial, dir, token }: Joining,
  { target, vouched }: { target: DialTarget; vouched: string },
): Promise<Membership> {
  const url = config.server;
  const { log } = doors;
  log.info('joining: the server is the one that the token names', { server: url });
  const get = async (path: string): Promise<string> => {
    const answer = await ask(dial, url, { ...target, tls: { ca: vouched } }, path, {
      authorization: authorizationOf(token),
    });
    if (answer.status !== 200) throw refused(url, answer);
    return answer.body;
  };
  const settings = settingsIn(await get(handshakePaths.config), url);
  log.info('joining: settings of the cluster are here', {
    pods: settings.clusterCidr,
    services: settings.serviceCidr,
    network: settings.flannelBackend,
  });
  const [ca, clientCa] = [await get(handshakePaths.serverCa), await get(handshakePaths.clientCa)];
  const certificates = (await enrol({
    doors,
    dir,
    url,
    dial,
    target,
    token,
    password: await nodePassword(doors, passwordFile(config)),
    nodeName: facts.name,
    addresses: [...facts.ips, ...facts.externalIps],
    ca,
    clientCa,
  })) as NodeCertificates;
  log.info('joining: the node has its certificates', { node: facts.name });
  const servers = parse(await get(handshakePaths.servers), url);
  const cluster = {
    settings,
    servers: Array.isArray(servers) ? servers.filter((one) => typeof one === 'string') : [],
    serverCa: ca,
    clientCa,
  };
  await keepCluster(doors.disk, dir, cluster);
  return { cluster, certificates, kept: false };
}

/** The secret that only this machine has. */
export const nodeSecret = (config: AgentConfig, doors: Doors): Promise<string> =>
  nodePassword(doors, passwordFile(config));

const passwordFile = (config: AgentConfig): string => join(config.configDir, 'node/password');

function settingsIn(body: string, url: string): ClusterSettings {
  const settings = checkSettings(parse(body, url));
  if (!settings)
    throw new ConfigError(`${url} does not answer as a skiff server does`, {
      op,
      hint: 'is it a skiff server of the same version?',
    });
  return settings;
}

/**
 * Asks for the settings and authorities of the cluster again, through the way that the node has to
 * its servers, and keeps them. Returns whether the settings differ from those that are in force.
 */
export async function refreshSettings(
  config: AgentConfig,
  doors: Doors,
  o: { cluster: KeptCluster; servers: string[]; shown: Identity; port: number; dial?: Dial },
): Promise<boolean> {
  const { cluster, servers, shown, port, dial = realDial } = o;
  const url = `https://127.0.0.1:${port}`;
  const target = { ...targetOf(url), tls: { ca: cluster.serverCa, ...shown } };
  const answer = await ask(dial, url, target, handshakePaths.config);
  if (answer.status !== 200) throw refused(url, answer);
  const settings = settingsIn(answer.body, url);
  // They may have been changed; what is kept in this object is shown from the next connection on.
  const get = async (path: string): Promise<string> => {
    const found = await ask(dial, url, target, path);
    if (found.status !== 200 || certificateFault(found.body) !== undefined)
      throw refused(url, found);
    return found.body;
  };
  cluster.serverCa = await get(handshakePaths.serverCa);
  cluster.clientCa = await get(handshakePaths.clientCa);
  await keepCluster(doors.disk, join(config.dataDir, 'agent'), { ...cluster, servers, settings });
  const inForce = (one: ClusterSettings): string => JSON.stringify({ ...one, version: '' });
  return inForce(settings) !== inForce(cluster.settings);
}

/**
 * Asks for the certificates that are due, through the way that the node has to its servers: with
 * the certificate that it has, or with the token when that has ended.
 */
export async function renewCertificates(
  config: AgentConfig,
  doors: Doors,
  o: { facts: NodeFacts; cluster: KeptCluster; port: number; dial?: Dial },
): Promise<NodeCertificates | undefined> {
  const dir = join(config.dataDir, 'agent');
  const { facts, cluster, port, dial = realDial } = o;
  const about = {
    doors,
    dir,
    nodeName: facts.name,
    addresses: [...facts.ips, ...facts.externalIps],
    ca: cluster.serverCa,
    clientCa: cluster.clientCa,
  };
  const found = await keptCertificates(about);
  if (found && found.due.length === 0) return undefined;
  const due: NodePurpose[] = found?.due ?? ['kubelet', 'kubelet-serving', 'network'];
  const url = `https://127.0.0.1:${port}`;
  const enrolment: Enrolment = {
    ...about,
    url,
    dial,
    target: targetOf(url),
    token: parseToken(await toldToken(config, doors)),
    password: await nodePassword(doors, passwordFile(config)),
  };
  const made = found
    ? await enrol({ ...enrolment, shown: found.all.kubelet }, due).catch(() =>
        enrol(enrolment, due),
      )
    : await enrol(enrolment, due);
  return { ...found?.all, ...made } as NodeCertificates;
}
