import { afterAll, beforeAll, expect, it, onTestFailed } from 'vitest';
import { busybox } from './images.ts';
import { TestCluster, until } from './node.ts';

/** What is told of a pod that takes its time to end, and of the service proxy itself. */
const cluster = new TestCluster('server');
let failed = false;
beforeAll(() => cluster.up({ images: [busybox()] }));
afterAll(() => cluster.down(failed));

const serving =
  "trap '' TERM; touch /tmp/ready; mkdir /www; echo page > /www/index.html; " +
  'httpd -p 8080 -h /www; while :; do sleep 1; done';

it('leads nobody to a pod that is no longer ready while it ends', async () => {
  onTestFailed(() => void (failed = true));
  cluster.apply(`
apiVersion: v1
kind: Pod
metadata: {name: slow, labels: {app: slow}}
spec:
  terminationGracePeriodSeconds: 300
  containers:
  - name: c
    image: docker.io/library/busybox:test
    command: [sh, -c, ${JSON.stringify(serving)}]
    readinessProbe: {exec: {command: [test, -e, /tmp/ready]}, periodSeconds: 1, failureThreshold: 1}
---
apiVersion: v1
kind: Service
metadata: {name: slow}
spec:
  selector: {app: slow}
  ports: [{port: 80, targetPort: 8080}]
`);
  cluster.k('wait', '--for=condition=Ready', 'pod/slow', '--timeout=60s');
  const ip = cluster.k('get', 'service', 'slow', '-o', 'jsonpath={.spec.clusterIP}');
  const code = (): string =>
    cluster.node.exec(['curl', '-s', '-m', '3', '-o', '/dev/null', '-w', '%{http_code}', ip])
      .stdout;
  await until('it answers', () => code() === '200');
  cluster.k('delete', 'pod', 'slow', '--wait=false');
  // The only endpoint that there is serves while it ends.
  await until('it ends', () =>
    cluster
      .k('get', 'endpointslices', '-l', 'kubernetes.io/service-name=slow', '-o', 'json')
      .includes('"terminating": true'),
  );
  expect(code()).toBe('200');
  cluster.k('exec', 'slow', '--', 'rm', '/tmp/ready');
  await until('it is told that it is not ready', () => {
    const ready = '{.status.conditions[?(@.type=="Ready")].status}';
    return cluster.k('get', 'pod', 'slow', '-o', `jsonpath=${ready}`) === 'False';
  });
  await until('nobody is led to it', () => code() === '000');
  cluster.k('delete', 'pod', 'slow', '--grace-period=0', '--force');
});

it('answers what kube-proxy is asked about itself', () => {
  onTestFailed(() => void (failed = true));
  const ask = (host: string, at: string): string =>
    cluster.node.exec(['curl', '-s', '-m', '5', `http://${host}:${at}`]).stdout;
  expect(JSON.parse(ask(cluster.node.ip, '10256/healthz'))).toMatchObject({ nodeEligible: true });
  expect(ask('127.0.0.1', '10249/proxyMode')).toBe('nftables');
  expect(ask(cluster.node.ip, '10249/proxyMode')).toBe('');
  const closeWait = 'net.netfilter.nf_conntrack_tcp_timeout_close_wait';
  expect(cluster.node.exec(['sysctl', '-n', closeWait]).stdout.trim()).toBe('3600');
});
