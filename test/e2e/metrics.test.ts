import { afterAll, beforeAll, expect, it, onTestFailed } from 'vitest';
import { busybox } from './images.ts';
import { TestCluster, until } from './node.ts';

const cluster = new TestCluster();
let failed = false;
beforeAll(() => cluster.up({ images: [busybox()] }));
afterAll(() => cluster.down(failed));

const load = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: load}
spec:
  replicas: 1
  selector: {matchLabels: {app: load}}
  template:
    metadata: {labels: {app: load}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: c
        image: docker.io/library/busybox:test
        command: [sh, -c, "while true; do if [ -e /tmp/rest ]; then sleep 1; fi; done"]
        resources: {requests: {cpu: 20m, memory: 8Mi}, limits: {cpu: 100m}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: load}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: load}
  minReplicas: 1
  maxReplicas: 3
  metrics:
  - type: Resource
    resource: {name: cpu, target: {type: Utilization, averageUtilization: 100}}
  behavior:
    scaleDown:
      stabilizationWindowSeconds: 0
      policies: [{type: Pods, value: 3, periodSeconds: 15}]
`;
const seen = (): string =>
  cluster.kubectl(['describe', 'hpa,pods']).stdout + cluster.kubectl(['top', 'pods']).stderr;
const replicas = (): string =>
  cluster.k('get', 'deployment', 'load', '-o', 'jsonpath={.spec.replicas}');

it('kubectl top tells what nodes and pods use', async () => {
  onTestFailed(() => void (failed = true));
  cluster.apply(load);
  cluster.k('rollout', 'status', 'deployment/load', '--timeout=60s');
  await until(
    'top knows the node',
    () => /^node1\s+[1-9]\d*m\s+\d+%\s+[1-9]\d*Mi/m.test(cluster.kubectl(['top', 'node']).stdout),
    { seen },
  );
  await until(
    'top knows the pod',
    () => /^load-\S+\s+[1-9]\d*m\s+\d+Mi/m.test(cluster.kubectl(['top', 'pod']).stdout),
    { seen },
  );
  expect(cluster.k('get', '--raw', '/apis/metrics.k8s.io/v1beta1/nodes')).toContain(
    '"kind":"NodeMetricsList"',
  );
  expect(cluster.k('get', 'apiservice', 'v1beta1.metrics.k8s.io')).toMatch(/Local\s+True/);
  expect(cluster.k('api-resources', '--api-group=metrics.k8s.io')).toMatch(/NodeMetrics/);
  const missing = cluster.kubectl(['get', 'pods.metrics.k8s.io', 'nobody']);
  expect(missing.stderr).toMatch(/podmetrics.metrics.k8s.io "default\/nobody" not found/);
});

it('an autoscaler follows a real load, up and down', async () => {
  onTestFailed(() => void (failed = true));
  await until('there are more pods', () => replicas() === '3', { timeoutMs: 150_000, seen });
  cluster.k('rollout', 'status', 'deployment/load', '--timeout=60s');
  const pods = cluster
    .k('get', 'pods', '-l', 'app=load', '-o', 'jsonpath={.items[*].metadata.name}')
    .split(' ');
  for (const pod of pods) cluster.k('exec', pod, '--', 'touch', '/tmp/rest');
  await until('there is one pod again', () => replicas() === '1', { timeoutMs: 150_000, seen });
  expect(cluster.k('get', 'events')).toMatch(/SuccessfulRescale.*All metrics below target/);
});
