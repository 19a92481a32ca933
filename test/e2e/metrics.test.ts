import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFailed } from 'vitest';
import { busybox } from './images.ts';
import { root, TestCluster, until } from './node.ts';

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

const claimed = `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: measured}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: measured}
spec:
  containers:
  - name: c
    image: docker.io/library/busybox:test
    command: [sleep, '3600']
    readinessProbe: {exec: {command: ['true']}, periodSeconds: 1}
    volumeMounts: [{name: data, mountPath: /data}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: measured}}]
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.nobody.test}
spec:
  group: nobody.test
  version: v1
  groupPriorityMinimum: 100
  versionPriority: 100
  service: {namespace: default, name: nobody}
`;
/** Which names the rules and dashboards of kube-prometheus use, and who tells them. */
const wanted = readFileSync(join(root, 'test/conformance/kube-prometheus-metrics.tsv'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => line.split('\t') as [name: string, from: string]);
const paths = {
  apiserver: '/metrics',
  kubelet: '/api/v1/nodes/node1/proxy/metrics',
  cadvisor: '/api/v1/nodes/node1/proxy/metrics/cadvisor',
};

it('numbers that the rules and dashboards of kube-prometheus use are told', async () => {
  onTestFailed(() => void (failed = true));
  cluster.apply(claimed);
  cluster.k('wait', '--for=condition=Ready', 'pod/measured', '--timeout=60s');
  for (const [from, path] of Object.entries(paths)) {
    let missing: string[] = [];
    await until(
      `${from} tells all`,
      () => {
        const text = cluster.k('get', '--raw', path);
        const names = new Set([...text.matchAll(/^(\w+)[{ ]/gm)].map(([, name]) => name));
        missing = wanted.filter((w) => w[1] === from && !names.has(w[0])).map(([name]) => name);
        return missing.length === 0;
      },
      { timeoutMs: 20_000, seen: () => missing.join(' ') },
    );
  }
  const cadvisor = cluster.k('get', '--raw', paths.cadvisor);
  // What rules join by, and what keeps the sum of a pod from being counted twice.
  expect(cadvisor).toMatch(
    /^container_cpu_usage_seconds_total\{container="c",id="\/kubepods[^"]*",image="[^"]*busybox:test",name="\w{64}",namespace="default",pod="measured"\} [\d.]+ \d+$/m,
  );
  expect(cadvisor).toMatch(
    /^container_network_receive_packets_total\{[^}]*interface="eth0"[^}]*pod="measured"\} [1-9]/m,
  );
  const throttled = /^container_cpu_cfs_throttled_periods_total\{[^}]*pod="load-[^}]*\} [1-9]/m;
  await until('the limit of a pod shows', () =>
    throttled.test(cluster.k('get', '--raw', paths.cadvisor)),
  );
  expect(cluster.k('get', '--raw', '/api/v1/nodes/node1/proxy/metrics/probes')).toMatch(
    /^prober_probe_total\{probe_type="Readiness",result="successful",.*pod="measured"/m,
  );
  expect(cluster.k('get', '--raw', '/metrics')).toMatch(
    /^aggregator_unavailable_apiservice\{name="v1.nobody.test"\} 1$/m,
  );
  cluster.k('delete', 'apiservice', 'v1.nobody.test');
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
