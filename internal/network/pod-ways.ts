import { messageOf } from '../base/errors.ts';
import { parseIpv4, type Ipv4 } from '../base/addresses.ts';
import type { Disk } from '../io/disk.ts';
import type { Log } from '../io/log.ts';
import { runOk, type Spawn } from '../io/spawn.ts';
import { hostRoutes } from './overlay/host-routes.ts';

/** A pod that runs, with the network that its sandbox was given. */
export interface LinkedPod {
  sandboxId: string;
  ips: readonly string[];
}

/** A part that has to know of pods whose route is lost for good. */
export interface Follower {
  /** The pods that have a sandbox now. */
  pods(): LinkedPod[];
  /** Nothing leads to this sandbox any more: its link is gone, or is just being taken away. */
  cutOff(sandboxId: string): void;
}

/** The ways from this node to its own pods. */
export interface PodWays {
  /** Calls back until stopped. */
  follow(follower: Follower): () => void;
  /** Looks whether all of them stand. The kernel's own news lead to that, too. */
  look(): void;
}

export interface PodWaysOptions {
  kernel: { onChange(fn: () => void): () => void };
  disk: Disk;
  spawn: Spawn;
  log: Log;
}

/**
 * A pod is reached by a route of its own over the host's end of its link; the plug-in ptp makes
 * both. When the route is gone while the link is there, because somebody set it down and up or
 * removed the route, it is put back. When the link is gone, nothing of the pod's network can be
 * mended: its sandbox has to be made again.
 */
export function followPodWays({
  kernel,
  disk,
  spawn,
  log,
}: PodWaysOptions): PodWays & { stop(): void } {
  const followers = new Set<Follower>();
  /** Which link leads to an address, as long as we have seen it. */
  const links = new Map<Ipv4, string>();
  let looking: Promise<void> | undefined;
  let again = false;

  const putBack = async (ip: Ipv4): Promise<boolean> => {
    const link = links.get(ip);
    if (link === undefined) return false;
    const up = await spawn.run('podways.up', ['ip', 'link', 'set', 'dev', link, 'up']);
    if (up.code !== 0) return false;
    const route = [`${ip}/32`, 'dev', link, 'scope', 'host'];
    await runOk(spawn, 'podways.route', ['ip', 'route', 'replace', ...route]);
    log.warn('another program took away the way to a pod, it is put back', { ip, link });
    return true;
  };

  /** A link that is set down keeps its route, which leads nowhere then (IFF_UP, netdevice(7)). */
  const isUp = async (link: string): Promise<boolean> => {
    const flags = await disk.readIfThere('podways.link', `/sys/class/net/${link}/flags`);
    return flags === undefined || (parseInt(flags.toString(), 16) & 1) === 1;
  };

  const once = async (): Promise<void> => {
    // Before the routes are read: a pod that gets its route later is not judged by them.
    const pods = [...followers].flatMap((follower) =>
      follower.pods().map((pod) => ({ follower, pod })),
    );
    const routes = hostRoutes((await disk.read('podways.routes', '/proc/net/route')).toString());
    const wanted = new Set<Ipv4>();
    for (const { follower, pod } of pods) {
      for (const text of pod.ips) {
        const ip = parseIpv4(text);
        if (ip === undefined) continue;
        wanted.add(ip);
        const link = routes.get(ip);
        if (link !== undefined) links.set(ip, link);
        if (link !== undefined && (await isUp(link))) continue;
        if (!(await putBack(ip))) follower.cutOff(pod.sandboxId);
      }
    }
    for (const ip of links.keys()) if (!wanted.has(ip)) links.delete(ip);
  };

  const run = async (): Promise<void> => {
    while (again) {
      again = false;
      await once().catch((error: unknown) =>
        log.warn('the ways to the pods of this node could not be looked at', {
          error: messageOf(error),
        }),
      );
    }
    looking = undefined;
  };
  const look = (): void => {
    again = true;
    looking ??= run();
  };
  const stop = kernel.onChange(look);
  return {
    look,
    stop,
    follow(follower) {
      followers.add(follower);
      return () => void followers.delete(follower);
    },
  };
}
