import { asObject } from '../../api/object.ts';
import type { Wanted } from '../bootstrap/objects.ts';

/** Users who may view a namespace may see what its pods use (metrics-server's own role). */
export function metricsRoles(): Wanted[] {
  const aggregate = (to: string): Record<string, string> => ({
    [`rbac.authorization.k8s.io/aggregate-to-${to}`]: 'true',
  });
  const object = {
    kind: 'ClusterRole',
    apiVersion: 'rbac.authorization.k8s.io/v1',
    metadata: {
      name: 'system:aggregated-metrics-reader',
      labels: { ...aggregate('admin'), ...aggregate('edit'), ...aggregate('view') },
    },
    rules: [
      {
        apiGroups: ['metrics.k8s.io'],
        resources: ['pods', 'nodes'],
        verbs: ['get', 'list', 'watch'],
      },
    ],
  };
  return [
    {
      group: 'rbac.authorization.k8s.io',
      version: 'v1',
      resource: 'clusterroles',
      object: asObject(object),
      how: 'create',
    },
  ];
}
