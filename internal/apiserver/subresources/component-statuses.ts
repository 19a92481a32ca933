import { warnDeprecated } from '../http/exchange.ts';
import { table } from '../../base/own.ts';
import { notFound } from '../../api/status.ts';
import type { Server } from '../server.ts';
import { sendObject } from './answer.ts';

const components: Record<string, string> = table({
  'controller-manager': 'ok',
  'etcd-0': 'ok',
  scheduler: 'ok',
});

const one = (name: string): object => ({
  metadata: { name },
  conditions: [{ type: 'Healthy', status: 'True', message: components[name] }],
});

/** GET componentstatuses: deprecated, but still looked at. All components live in this process. */
export function addComponentStatuses(server: Server): void {
  server.virtual.set('/componentstatuses', (_s, exchange) => {
    warnDeprecated(exchange, 'v1 ComponentStatus is deprecated in v1.19+');
    const { verb, name } = exchange.info;
    if (verb === 'list')
      return sendObject(server, exchange, 200, {
        kind: 'ComponentStatusList',
        apiVersion: 'v1',
        metadata: {},
        items: Object.keys(components).map(one),
      });
    if (!components[name]) throw notFound({ group: '', resource: 'componentstatuses' }, name);
    sendObject(server, exchange, 200, { kind: 'ComponentStatus', apiVersion: 'v1', ...one(name) });
  });
}
