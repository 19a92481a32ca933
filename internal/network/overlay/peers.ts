import type { Node } from '../../api/generated/types/core-v1.ts';
import { messageOf } from '../../base/errors.ts';
import type { Mirror } from '../../client/client.ts';
import type { Clock, Timer } from '../../io/clock.ts';
import type { Log } from '../../io/log.ts';

/** Another node: where its pods are and how to reach it. */
export interface Peer {
  /** `10.42.3.0/24` */
  podCidr: string;
  /** The node's own address. */
  ip: string;
}

/** All nodes but this one that have an address and a pod network, by pod network. */
export function peersOf(nodes: Iterable<Node>, self: string): Map<string, Peer> {
  const peers = new Map<string, Peer>();
  for (const node of nodes) {
    const ip = (node.status.addresses ?? []).find((a) => a.type === 'InternalIP')?.address;
    const podCidr = node.spec.podCIDR;
    if (node.metadata.name !== self && ip && podCidr) peers.set(podCidr, { podCidr, ip });
  }
  return peers;
}

export interface FollowOptions {
  nodes: Mirror<Node>;
  nodeName: string;
  clock: Clock;
  log: Log;
  /** Leads the kernel from one set of peers to another; after a failure it is called with an empty `from`. */
  apply(from: Map<string, Peer>, to: Map<string, Peer>): Promise<void>;
}

/** Changes that come together are written together. */
const batchMs = 20;
/** A failed write is tried again after this long, and twice as long after each further failure. */
const retryMs = 2000;
const longestRetryMs = 64_000;

/** Calls `apply` at once and whenever the other nodes change, until stopped (the ways stay then, for the pods' sake). */
export async function followPeers(options: FollowOptions): Promise<{ stop(): void }> {
  const { nodes, clock, log } = options;
  await nodes.synced;
  let known = new Map<string, Peer>();
  let timer: Timer | undefined;
  let delayMs = retryMs;
  let busy = false;
  let again = false;
  let stopped = false;
  const schedule = (afterMs: number): void => {
    if (timer || stopped) return;
    timer = clock.after('overlay.batch', afterMs, () => {
      timer = undefined;
      void write();
    });
  };
  const write = async (): Promise<void> => {
    again = busy;
    if (busy) return;
    busy = true;
    const wanted = peersOf(nodes.list(), options.nodeName);
    try {
      await options.apply(known, wanted);
      known = wanted;
      delayMs = retryMs;
    } catch (error) {
      log.warn('cannot write the ways to other nodes, trying again', { error: messageOf(error) });
      known = new Map();
      schedule(delayMs);
      delayMs = Math.min(delayMs * 2, longestRetryMs);
    }
    busy = false;
    if (again) schedule(batchMs);
    again = false;
  };
  const unsubscribe = nodes.onChange(() => schedule(batchMs));
  schedule(0);
  return {
    stop() {
      stopped = true;
      timer?.cancel();
      unsubscribe();
    },
  };
}
