import { ref } from '../../testing/server.ts';

export const group = 'admissionregistration.k8s.io';

export const deployments = ref('deployments', 'Deployment', 'apps');
/** A Deployment as a user would send it. */
export const deployment = (name: string, replicas: number): object => {
  const labels = { app: 'web' };
  return {
    metadata: { name, namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'web:1' }] } },
    },
  };
};
/** The objects that the policies of these tests judge. */
export const constraints = {
  resourceRules: [
    {
      operations: ['CREATE', 'UPDATE'],
      apiGroups: ['apps'],
      apiVersions: ['v1'],
      resources: ['deployments'],
    },
  ],
};
