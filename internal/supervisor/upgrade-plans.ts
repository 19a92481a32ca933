import type { ApiServer } from '../apiserver/api-server.ts';
import type { Controller, ControllerContext, NodeCall } from '../controllers/context.ts';
import { plansRef } from '../controllers/upgradeplan/plan-types.ts';
import { startUpgradePlans } from '../controllers/upgradeplan/upgrade-plan.ts';
import type { Dial } from '../io/dial.ts';
import type { Identity } from '../pki/certificate.ts';
import { signOrder } from '../pki/order.ts';
import { whenServed } from './when-served.ts';

const op = 'upgrade channel';
const answersWithinMs = 20_000;

/** Carries out Plans once their kind is served: it may be made a moment later. */
export function upgradePlansWhenServed(options: {
  api: ApiServer;
  context: ControllerContext;
  nodes: NodeCall;
  dial: Dial;
  authority: Identity;
}): Pick<Controller, 'stop'> {
  const { api, context, nodes, dial, authority } = options;
  let running: Controller | undefined;
  const unfollow = whenServed(api, [plansRef], () => {
    running = startUpgradePlans(context, {
      nodes,
      channel: (url) => versionAt(dial, url),
      sign: (order) => signOrder(order, authority),
    });
  });
  return {
    stop: () => {
      unfollow();
      running?.stop();
    },
  };
}

/**
 * The last part of the path that a channel's address redirects to, or of its own where it answers
 * (upstream's protocol). What it answers is not read: the releases are signed, a channel is not.
 */
export async function versionAt(dial: Dial, address: string): Promise<string> {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) throw new Error(`"${address}" is no address`);
  const tls = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const target = {
    host,
    port: Number(url.port) || (tls ? 443 : 80),
    ...(tls && { tls: { servername: host } }),
  };
  const { message } = await dial.request(op, target, {
    method: 'GET',
    path: `${url.pathname}${url.search}`,
    headers: { host: url.host, 'user-agent': 'skiff' },
    timeoutMs: answersWithinMs,
  });
  message.destroy();
  const { statusCode = 0, headers } = message;
  const last = ({ pathname }: URL): string =>
    decodeURIComponent(pathname.split('/').filter(Boolean).at(-1) ?? '');
  if (statusCode === 302 && headers.location !== undefined)
    return last(new URL(headers.location, url));
  if (statusCode >= 200 && statusCode < 400) return last(url);
  throw new Error(`unexpected response: ${statusCode}`);
}
