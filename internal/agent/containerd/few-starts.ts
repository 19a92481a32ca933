import type { CallOptions, CriClient } from '../cri/client.ts';

/** The server and containerd themselves, while pods start. */
const ownBytes = 112 * 1024 ** 2;
/** What a start takes for a moment: a shim, and runc twice. */
const startBytes = 24 * 1024 ** 2;

/** How many sandboxes and containers may start at the same time in a cgroup with this limit: one at least. */
export function startsAtOnce(limitBytes: number): number {
  return Math.max(1, Math.floor((limitBytes - ownBytes) / startBytes));
}

/** A client that lets so many sandboxes and containers start at the same time; the others wait for their turn. */
export function withFewStarts(cri: CriClient, most: number): CriClient {
  const waiting: (() => void)[] = [];
  let under = 0;
  const inTurn = async <T>(work: () => Promise<T>): Promise<T> => {
    if (under >= most) await new Promise<void>((resolve) => waiting.push(resolve));
    else under++;
    try {
      return await work();
    } finally {
      // The place goes to the next, or is free.
      const next = waiting.shift();
      if (next) next();
      else under--;
    }
  };
  return {
    ...cri,
    runPodSandbox: (request, options?: CallOptions) => inTurn(() => cri.runPodSandbox(request, options)),
    startContainer: (request, options?: CallOptions) => inTurn(() => cri.startContainer(request, options)),
  };
}
