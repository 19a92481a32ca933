import type { Node } from '../api/generated/types/core-v1.ts';
import { messageOf } from '../base/errors.ts';
import type { Client } from '../client/client.ts';
import type { Mirrors } from '../client/mirrors.ts';
import { refs } from '../client/refs.ts';
import type { Log } from '../io/log.ts';
import type { Part } from './running.ts';

/**
 * Gives the server's own node its roles, by their labels. The node may not do that itself
 * (NodeRestriction): roles are the cluster's to give.
 */
export function keepNodeRole(options: {
  client: Client;
  mirrors: Mirrors;
  nodeName: string;
  roles: string[];
  log: Log;
}): Part {
  const nodes = options.mirrors.of<Node>(refs.nodes);
  const unfollow = nodes.onChange((change) => {
    if (
      change.key !== options.nodeName ||
      change.type === 'DELETED' ||
      options.roles.every((label) => change.object.metadata.labels?.[label] !== undefined)
    )
      return;
    const body = {
      metadata: { labels: Object.fromEntries(options.roles.map((label) => [label, 'true'])) },
    };
    options.client
      .patch(refs.nodes, { name: options.nodeName }, { type: 'merge', body })
      .catch((error: unknown) =>
        options.log.warn('the node has no role yet', { error: messageOf(error) }),
      );
  });
  return { name: 'node role', stop: unfollow };
}
