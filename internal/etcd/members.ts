import { ConfigError, messageOf } from '../base/errors.ts';
import type { Clock } from '../io/clock.ts';
import type { EtcdIdentities } from '../pki/etcd-authority.ts';
import type { Member } from '../wire/etcd/types.ts';
import { EtcdConnection } from './client/connection.ts';

/** Members answer in milliseconds; one that is away must not hold up the question to the next. */
const callMs = 5_000;
const pollMs = 200;
/** A member that has just come or gone makes etcd refuse changes for some seconds. */
const removeWithinMs = 30_000;
/**
 * What etcd says while it cannot take a change right now: an election, a member that is coming up,
 * a learner before this one.
 */
const notNow =
  /unhealthy cluster|not enough started members|too many learner|no leader|leader changed|timed out|in sync with leader|Deadline/i;

export interface EtcdCluster {
  endpoints: string[];
  tls: { ca: string; cert: string; key: string; serverName?: string };
  clock: Clock;
}

/**
 * TLS of a client of the cluster. Every member's certificate says localhost: TLS knows no names
 * that are addresses.
 */
export function clientTls({ serverCa, client }: Pick<EtcdIdentities, 'serverCa' | 'client'>): {
  ca: string;
  cert: string;
  key: string;
  serverName: string;
} {
  return { ca: serverCa.cert, cert: client.cert, key: client.key, serverName: 'localhost' };
}

export async function listMembers(cluster: EtcdCluster): Promise<Member[]> {
  return await asking(cluster, listOf);
}

/** Removes a member that will not come back, by its name; false when there is none. */
export async function removeMember(cluster: EtcdCluster & { name: string }): Promise<boolean> {
  return await asking(cluster, async (connection) => {
    const member = (await listOf(connection)).find((m) => m.name === cluster.name);
    if (!member) return false;
    const until = cluster.clock.monotonicMs() + removeWithinMs;
    await patiently(cluster.clock, until, () =>
      connection.call(
        'Cluster/MemberRemove',
        ['MemberRemoveRequest', { ID: member.ID }],
        'MemberRemoveResponse',
        callMs,
      ),
    );
    return true;
  });
}

export interface Newcomer {
  name: string;
  peerUrl: string;
  /** How long the cluster may take to be ready for it. */
  withinMs: number;
}

/**
 * Tells the cluster of a member to come and returns who is in it, as etcd's --initial-cluster wants
 * it. It comes as a learner: a cluster of one that counted it at once would stand still until it
 * has started, forever if it never does.
 */
export async function announce(
  cluster: EtcdCluster,
  { name, peerUrl, withinMs }: Newcomer,
): Promise<string> {
  return await asking(cluster, async (connection) => {
    const { clock } = cluster;
    const until = clock.monotonicMs() + withinMs;
    let members = await listOf(connection);
    const twin = members.find((m) => m.name === name && !m.peerURLs.includes(peerUrl));
    if (twin)
      throw new ConfigError(`the cluster has a member "${name}" at ${twin.peerURLs.join(', ')}`, {
        op: 'etcd.join',
        hint: 'give this server its own --node-name, or delete that node first if it is gone',
      });
    let own = members.find((m) => m.peerURLs.includes(peerUrl));
    if (own?.name) {
      // It has run before and has lost its data: under its old number it would break promises it
      // made.
      const { ID } = own;
      await patiently(clock, until, () =>
        connection.call(
          'Cluster/MemberRemove',
          ['MemberRemoveRequest', { ID }],
          'MemberRemoveResponse',
          callMs,
        ),
      );
      own = undefined;
    }
    // A join that was cut off half way left its announcement behind.
    if (!own) {
      const request = { peerURLs: [peerUrl], isLearner: true };
      members = (
        await patiently(clock, until, () =>
          connection.call<{ members: Member[] }>(
            'Cluster/MemberAdd',
            ['MemberAddRequest', request],
            'MemberAddResponse',
            callMs,
          ),
        )
      ).members;
    }
    return members
      .flatMap((m) => m.peerURLs.map((url) => `${url === peerUrl ? name : m.name}=${url}`))
      .join(',');
  });
}

/** Makes a learner a full member once it has caught up; true when it is one. */
export async function promote(cluster: EtcdCluster, peerUrl: string): Promise<boolean> {
  return await asking(cluster, async (connection) => {
    const own = (await listOf(connection)).find((m) => m.peerURLs.includes(peerUrl));
    if (!own) return false;
    if (!own.isLearner) return true;
    try {
      await connection.call(
        'Cluster/MemberPromote',
        ['MemberPromoteRequest', { ID: own.ID }],
        'MemberPromoteResponse',
        callMs,
      );
      return true;
    } catch (error) {
      if (!notNow.test(messageOf(error))) throw error;
      return false;
    }
  });
}

/**
 * Tells the cluster that a member, known by its name, has another address now; true when it had.
 */
export async function readdress(
  cluster: EtcdCluster,
  name: string,
  peerUrl: string,
): Promise<boolean> {
  return await asking(cluster, async (connection) => {
    const own = (await listOf(connection)).find((m) => m.name === name);
    if (!own || own.peerURLs.includes(peerUrl)) return false;
    await connection.call(
      'Cluster/MemberUpdate',
      ['MemberUpdateRequest', { ID: own.ID, peerURLs: [peerUrl] }],
      'MemberUpdateResponse',
      callMs,
    );
    return true;
  });
}

async function listOf(connection: EtcdConnection): Promise<Member[]> {
  return (
    await connection.call<{ members: Member[] }>(
      'Cluster/MemberList',
      ['MemberListRequest', {}],
      'MemberListResponse',
      callMs,
    )
  ).members;
}

async function asking<T>(
  { endpoints, tls, clock }: EtcdCluster,
  ask: (connection: EtcdConnection) => Promise<T>,
): Promise<T> {
  const connection = new EtcdConnection({ endpoints, tls }, clock);
  try {
    return await ask(connection);
  } finally {
    connection.close();
  }
}

async function patiently<T>(clock: Clock, untilMs: number, effect: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await effect();
    } catch (error) {
      if (!notNow.test(messageOf(error)) || clock.monotonicMs() > untilMs) throw error;
      await clock.sleep('etcd.join', pollMs);
    }
  }
}
