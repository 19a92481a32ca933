import { table } from '../../base/own.ts';
import { notFound } from '../../api/status.ts';
import { unstored, type Operations } from '../operations/operation.ts';

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
export function addComponentStatuses(operations: Operations): void {
  operations.add(
    { group: '', resource: 'componentstatuses', subresource: '' },
    async (_core, { verb, name, warnings, audit }) => {
      warnings.push('v1 ComponentStatus is deprecated in v1.19+');
      audit?.annotate('k8s.io/deprecated', 'true');
      if (verb === 'list')
        return unstored(200, {
          kind: 'ComponentStatusList',
          apiVersion: 'v1',
          metadata: {},
          items: Object.keys(components).map(one),
        });
      if (!components[name]) throw notFound({ group: '', resource: 'componentstatuses' }, name);
      return unstored(200, { kind: 'ComponentStatus', apiVersion: 'v1', ...one(name) });
    },
  );
}
