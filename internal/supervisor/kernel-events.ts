import { followProgram } from '../io/follow-program.ts';
import type { Timer } from '../io/clock.ts';
import type { Doors } from './doors.ts';

/** Tells that something about this machine's addresses, links, routes or forwarding has changed. */
export interface KernelEvents {
  onChange(fn: () => void): () => void;
  stop(): void;
}

/**
 * Changes come in flocks: a link that goes takes its addresses and routes along, and each pod has
 * some of its own.
 */
const settleMs = 100;
/** Events that happened while the program was starting were missed. */
const firstLookMs = 1_000;

/**
 * Follows the kernel's own events (rtnetlink), by `ip monitor`. Nobody polls; what has changed is
 * for the listeners to find out.
 */
export function followKernel({
  spawn,
  clock,
  log,
}: Pick<Doors, 'spawn' | 'clock' | 'log'>): KernelEvents {
  const listeners = new Set<() => void>();
  let timer: Timer | undefined;
  const soon = (delayMs: number): void => {
    timer ??= clock.after('kernel.settle', delayMs, () => {
      timer = undefined;
      for (const listener of [...listeners]) listener();
    });
  };
  const follower = followProgram(
    { spawn, clock, log: log.named('kernel') },
    {
      op: 'kernel.monitor',
      command: ['ip', '-o', 'monitor', 'address', 'link', 'route', 'netconf'],
      line: () => soon(settleMs),
      started: () => soon(firstLookMs),
    },
  );
  return {
    onChange(fn) {
      listeners.add(fn);
      return () => void listeners.delete(fn);
    },
    stop() {
      timer?.cancel();
      follower.stop();
    },
  };
}
