import { messageOf } from '../base/errors.ts';
import type { Troubles } from '../client/troubles.ts';
import type { NodeConfig } from './config.ts';
import type { Doors } from './doors.ts';
import type { KernelEvents } from './kernel-events.ts';
import { presentAddress, type NodeFacts } from './node-facts.ts';
import type { Part } from './running.ts';

export interface FollowAddresses {
  config: NodeConfig;
  doors: Doors;
  /** Changed in place: an address is read when it is needed. */
  facts: NodeFacts;
  kernel: KernelEvents;
  troubles: Troubles;
  /** The facts are new; puts them in force everywhere. Called again later when it fails. */
  moved(from: string): Promise<void>;
}

const retryMs = 5_000;

/**
 * Keeps this node at the address that the machine has: the network may come after us, and DHCP may
 * give another. An address that was told stays, with a warning while the machine does not have it.
 * A machine that loses its last address keeps it in name: nothing is better.
 */
export function followAddresses(options: FollowAddresses): Part {
  const { config, doors, facts, kernel, troubles } = options;
  let stopped = false;
  let queue = Promise.resolve();
  let unsaid: string | undefined;
  const look = async (): Promise<void> => {
    if (stopped) return;
    const held = doors.host.addresses().map((a) => a.address);
    const missing = facts.ips.filter((ip) => !held.includes(ip));
    if (config.nodeIps.length > 0) {
      troubles.set(
        'AddressMissing',
        'node-ip',
        missing.length === 0
          ? undefined
          : `--node-ip ${missing.join(', ')} is on no interface of this machine`,
      );
      return;
    }
    const now = await presentAddress(config, doors, facts.ip);
    troubles.set(
      'AddressMissing',
      'network',
      now === undefined
        ? 'this machine has no ' +
            `address${facts.ip.startsWith('127.') ? '' : ` any more: ${facts.ip} is gone`}`
        : undefined,
    );
    if (now !== undefined && now !== facts.ip) {
      unsaid ??= facts.ip;
      doors.log.warn('the address of this node has changed', { from: facts.ip, to: now });
      facts.ip = now;
      facts.ips = [now];
    }
    if (unsaid === undefined) return;
    await options.moved(unsaid);
    unsaid = undefined;
  };
  const soon = (): void => {
    queue = queue.then(look).catch((error: unknown) => {
      doors.log.warn('the new address is not in force everywhere yet, trying again', {
        error: messageOf(error),
      });
      doors.clock.after('addresses', retryMs, soon);
    });
  };
  const unfollow = kernel.onChange(soon);
  soon();
  return {
    name: 'addresses',
    stop: () => {
      stopped = true;
      unfollow();
    },
  };
}
