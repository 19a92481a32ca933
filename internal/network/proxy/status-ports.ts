import type { Node } from '../../api/generated/types/core-v1.ts';
import { messageOf } from '../../base/errors.ts';
import type { Timer } from '../../io/clock.ts';
import type { PlainAnswer } from '../../io/plain-http.ts';
import type { HealthPortsOptions } from './health-ports.ts';

export interface StatusPortsOptions extends HealthPortsOptions {
  /** How long the rules of Services could not be written. */
  failingMs(): number;
  node(): Node | undefined;
}

/** kube-proxy's own ports: load balancers of clouds ask the first whether a node is to get traffic. */
export const statusPorts = { health: 10_256, status: 10_249 };
/** As kube-proxy has it: twice its longest time between two writes. */
const lateMs = 60_000;
const retryMs = 10_000;
/** What Kubernetes' autoscaler puts on a node that it is about to take away. */
const toBeDeleted = 'ToBeDeletedByClusterAutoscaler';

/** Answers what kube-proxy answers about itself, until stopped. */
export function startStatusPorts(options: StatusPortsOptions): { stop(): void } {
  const { clock, log, listen } = options;
  const stops: (() => void)[] = [];
  let stopped = false;
  const keep = async (at: { address: string; port: number }, path: typeof healthOf) => {
    let timer: Timer | undefined;
    const open = async (): Promise<void> => {
      try {
        const listener = await listen('proxy.status', at, (asked) => path(options, asked));
        if (stopped) listener.close();
        else stops.push(() => listener.close());
      } catch (error) {
        if (stopped) return;
        log.warn('a port of the service proxy cannot be served', {
          port: at.port,
          error: messageOf(error),
        });
        timer = clock.after('proxy.status', retryMs, () => void open());
      }
    };
    stops.push(() => timer?.cancel());
    await open();
  };
  void keep({ address: '0.0.0.0', port: statusPorts.health }, healthOf);
  void keep({ address: '127.0.0.1', port: statusPorts.status }, statusOf);
  return {
    stop: () => {
      stopped = true;
      for (const stop of stops) stop();
    },
  };
}

/** `/healthz`: whether this node is to get traffic; `/livez`: whether its rules are written. */
function healthOf({ clock, failingMs, node }: StatusPortsOptions, path: string): PlainAnswer {
  const asked = path.split('?')[0];
  if (asked !== '/healthz' && asked !== '/livez') return missing;
  const lateBy = failingMs();
  const nodeEligible = isEligible(node());
  const rules = lateBy < lateMs;
  const healthy = rules && (asked === '/livez' || nodeEligible);
  const now = clock.now();
  const said = {
    lastUpdated: new Date(now - (rules ? 0 : lateBy)).toISOString(),
    currentTime: new Date(now).toISOString(),
    ...(asked === '/healthz' && { nodeEligible }),
  };
  return {
    status: healthy ? 200 : 503,
    headers: { 'content-type': 'application/json', 'x-content-type-options': 'nosniff' },
    body: JSON.stringify(said),
  };
}

function statusOf(options: StatusPortsOptions, path: string): PlainAnswer {
  const plain = (body: string): PlainAnswer => ({
    status: 200,
    headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
    body,
  });
  const asked = path.split('?')[0];
  if (asked === '/proxyMode') return plain('nftables');
  return asked === '/healthz' ? plain('ok') : missing;
}

const missing: PlainAnswer = { status: 404, body: '404 page not found\n' };

function isEligible(node: Node | undefined): boolean {
  if (!node || node.metadata.deletionTimestamp) return false;
  return !node.spec?.taints?.some(({ key }) => key === toBeDeleted);
}
