import { IoError, messageOf } from '../../base/errors.ts';
import type { Clock, Timer } from '../../io/clock.ts';
import type { HttpsListener } from '../../io/https-server.ts';
import type { Log } from '../../io/log.ts';

/** The node's port, once it can be had. */
export interface NodePort {
  /** 0 until then. */
  readonly port: number;
  /** Shows another certificate from now on. */
  renew(tls: { key: string; cert: string; clientCa: string }): void;
  close(): Promise<void>;
}

export interface NodePortOptions {
  tls: { key: string; cert: string; clientCa: string };
  listen(tls: { key: string; cert: string; clientCa: string }): Promise<HttpsListener>;
  /** Told why the port cannot be had, and, with nothing, that it can. */
  trouble(why: string | undefined): void;
  clock: Clock;
  log: Log;
}

const firstRetryMs = 1_000;
const longestRetryMs = 10_000;

/**
 * Listens, and where another program has the port goes on trying: pods run without it, only logs,
 * exec and metrics do not.
 */
export async function openNodePort(options: NodePortOptions): Promise<NodePort> {
  const { clock, log, trouble } = options;
  let tls = options.tls;
  let listener: HttpsListener | undefined;
  let timer: Timer | undefined;
  let closed = false;
  const attempt = async (waitMs: number): Promise<void> => {
    try {
      listener = await options.listen(tls);
      trouble(undefined);
      if (waitMs > firstRetryMs) log.info('the node serves its port now', { port: listener.port });
      if (closed) await listener.close();
    } catch (error) {
      if (!(error instanceof IoError)) throw error;
      trouble(
        `${messageOf(error)}; logs, exec and metrics of this node do not work until it is free`,
      );
      timer = clock.after(
        'node.listen',
        waitMs,
        () => void attempt(Math.min(waitMs * 2, longestRetryMs)),
      );
    }
  };
  await attempt(firstRetryMs);
  return {
    get port() {
      return listener?.port ?? 0;
    },
    renew(next) {
      tls = next;
      listener?.renew({ key: next.key, cert: next.cert, ca: next.clientCa });
    },
    async close() {
      closed = true;
      timer?.cancel();
      await listener?.close();
    },
  };
}
