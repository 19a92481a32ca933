import type { Node } from '../../api/generated/types/core-v1.ts';
import type { Mirror } from '../../client/client.ts';
import type { Clock } from '../../io/clock.ts';
import type { Log } from '../../io/log.ts';
import { runOk, type Spawn } from '../../io/spawn.ts';
import { followPeers, type Following, type Here, type Peer, type Peers } from './peers.ts';

export interface HostGwOptions extends Here {
  nodes: Mirror<Node>;
  clock: Clock;
  spawn: Spawn;
  log: Log;
  record(kind: 'route', name: string): Promise<void>;
}

/** The routes to write and those to take away, each as `CIDR via ADDRESS`. */
export function routeChanges(from: Peers, to: Peers): { replace: string[]; remove: string[] } {
  const way = (peer: Peer): string => `${peer.podCidr} via ${peer.ip}`;
  return {
    replace: [...to.values()].filter((peer) => from.get(peer.podCidr)?.ip !== peer.ip).map(way),
    // Replacing a route removes the old one.
    remove: [...from.values()].filter((peer) => !to.has(peer.podCidr)).map(way),
  };
}

/**
 * Pods of other nodes by plain routes over those nodes' addresses: needs all nodes on one network,
 * costs no header.
 */
export async function startHostGw(options: HostGwOptions): Promise<Following> {
  const { spawn } = options;
  return await followPeers({
    ...options,
    plain: true,
    apply: async (from, to) => {
      const { replace, remove } = routeChanges(from, to);
      for (const route of remove)
        await spawn.run('hostgw.remove', ['ip', 'route', 'delete', ...route.split(' ')]);
      for (const route of replace) {
        await options.record('route', route);
        await runOk(spawn, 'hostgw.replace', ['ip', 'route', 'replace', ...route.split(' ')]);
      }
    },
  });
}
