import { join } from 'node:path';
import { type TestCluster, until } from '../../e2e/node.ts';
import type { Application } from './application.ts';

const image = 'gcr.io/k8s-staging-metrics-server/metrics-server:master';
const service = (cluster: TestCluster): string =>
  cluster.kubectl([
    'get',
    'apiservice',
    'v1beta1.metrics.k8s.io',
    '-o',
    'jsonpath={.spec.service.name}',
  ]).stdout;

/** In place of what the server does itself; its own manifests, as kustomize puts them together. */
export const metricsServer: Application = {
  name: 'metrics-server 0.9',
  needs: ['metrics-server', 'manifests/metrics-server'],
  images: () => [{ name: image, programs: { '/metrics-server': 'metrics-server' } }],
  install: (cluster, folder) =>
    void cluster.k('apply', '-k', join(folder, 'manifests/metrics-server')),
  async check(cluster) {
    const more = ['-n', 'kube-system', '--timeout=180s'];
    cluster.k('rollout', 'status', 'deployment/metrics-server', ...more);
    await until('the API is its', () => service(cluster) === 'metrics-server');
    const condition = '--for=condition=Available';
    cluster.k('wait', condition, 'apiservice/v1beta1.metrics.k8s.io', '--timeout=60s');
    await until(
      'top knows the node and the pods',
      () =>
        /^node1\s+\d+m/m.test(cluster.kubectl(['top', 'node']).stdout) &&
        cluster.kubectl(['top', 'pod', '-n', 'kube-system']).stdout.includes('metrics-server'),
      { timeoutMs: 120_000, seen: () => cluster.kubectl(['top', 'pod', '-A']).stderr },
    );
  },
};
