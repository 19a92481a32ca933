import type { Node } from '../api/generated/types/core-v1.ts';
import { messageOf } from '../base/errors.ts';
import type { Mirrors } from '../client/mirrors.ts';
import { refs } from '../client/refs.ts';
import { removeMember, type EtcdCluster } from '../etcd/members.ts';
import type { Log } from '../io/log.ts';
import type { Part } from './running.ts';

export const etcdRole = 'node-role.kubernetes.io/etcd';

/**
 * Deleting the Node of a server takes it out of the etcd cluster, as with k3s: a member that will
 * not come back counts for the majority as long as it is listed. Every other server tries; the
 * first succeeds, the rest find it done.
 */
export function followEtcdNodes(options: {
  mirrors: Mirrors;
  etcd: EtcdCluster;
  ownName: string;
  log: Log;
}): Part {
  const { etcd, ownName, log } = options;
  const nodes = options.mirrors.of<Node>(refs.nodes);
  const unfollow = nodes.onChange(({ type, object }) => {
    const { name = '', labels = {} } = object.metadata;
    if (type !== 'DELETED' || name === ownName || labels[etcdRole] === undefined) return;
    removeMember({ ...etcd, name }).then(
      (done) => done && log.info('a server was deleted, and is removed from etcd', { name }),
      (error: unknown) =>
        log.warn('a deleted server is still a member of etcd', {
          name,
          error: messageOf(error),
          hint: `skiff datastore member remove ${name}`,
        }),
    );
  });
  return {
    name: 'etcd nodes',
    stop: () => {
      unfollow();
      nodes.stop();
    },
  };
}
