import { messageOf } from '../../base/errors.ts';
import type { Clock, Timer } from '../../io/clock.ts';
import type { DnsServer } from './server.ts';

/** The node's DNS, or the attempts to have one. */
export interface NodeDns {
  /** Where it answers; undefined while it does not. */
  readonly port: number | undefined;
  stop(): void;
}

const firstRetryMs = 1_000;
const longestRetryMs = 10_000;

/**
 * Starts the DNS, and where that fails goes on trying: the node does the rest of its work without
 * it.
 */
export async function keepDns({
  start,
  clock,
  trouble,
  late,
}: {
  start(): Promise<DnsServer>;
  clock: Clock;
  trouble(why: string | undefined): void;
  /** It answers now, after all. */ late(): void;
}): Promise<NodeDns> {
  let server: DnsServer | undefined;
  let timer: Timer | undefined;
  let stopped = false;
  const attempt = async (waitMs: number): Promise<void> => {
    try {
      server = await start();
      trouble(undefined);
      if (stopped) server.stop();
      else if (waitMs > firstRetryMs) late();
    } catch (error) {
      trouble(`the cluster DNS cannot listen: ${messageOf(error)}`);
      timer = clock.after(
        'dns.listen',
        waitMs,
        () => void attempt(Math.min(waitMs * 2, longestRetryMs)),
      );
    }
  };
  await attempt(firstRetryMs);
  return {
    get port() {
      return server?.port;
    },
    stop() {
      stopped = true;
      timer?.cancel();
      server?.stop();
    },
  };
}
