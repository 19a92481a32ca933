import { afterAll, beforeAll, expect, it, onTestFailed } from 'vitest';
import { AgentMachine } from './agent-machine.ts';
import { busybox } from './images.ts';
import { TestCluster, until } from './node.ts';

/** A server without a node, and a node that nobody can open a connection to. */
const cluster = new TestCluster('server');
const one = new AgentMachine('one');
let failed = false;

beforeAll(async () => {
  await cluster.launch({ flags: ['--disable-agent'] });
  await cluster.answers();
  await one.boot([busybox()]);
  one.behindNat();
  await one.join(cluster);
  await until('accounts', () => cluster.kubectl(['get', 'sa', 'default']).code === 0);
});
afterAll(() => {
  one.down(failed);
  cluster.down(failed);
});

it('reaches pods and Services behind it, and nothing else of the machine', async () => {
  onTestFailed(() => void (failed = true));
  cluster.apply(`
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: c
    image: docker.io/library/busybox:test
    command: [sh, -c, "mkdir /www; hostname > /www/index.html; exec httpd -f -p 8080 -h /www"]
    ports: [{containerPort: 8080}]
    readinessProbe: {httpGet: {port: 8080, path: /}, periodSeconds: 1}
---
apiVersion: v1
kind: Pod
metadata: {name: hosts, labels: {app: hosts}}
spec:
  hostNetwork: true
  terminationGracePeriodSeconds: 0
  containers:
  - name: c
    image: docker.io/library/busybox:test
    command:
    - sh
    - -c
    - mkdir /www; echo of the machine > /www/index.html;
      httpd -p 8082 -h /www; exec httpd -f -p 8081 -h /www
    ports: [{containerPort: 8081}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
`);
  cluster.k('wait', '--for=condition=Ready', 'pod/web', 'pod/hosts', '--timeout=60s');
  const raw = (path: string): string => {
    const done = cluster.kubectl(['get', '--raw', `/api/v1/namespaces/default/${path}/proxy/`]);
    return (done.stdout + done.stderr).trim();
  };
  expect(raw('pods/web:8080')).toBe('web');
  await until('the Service answers', () => raw('services/web:80') === 'web');
  await until('the pod of the machine answers', () => raw('pods/hosts:8081') === 'of the machine');
  expect(raw('pods/hosts:8082')).toMatch(/refused with status 403/);
  const ofNode = (port: number): string =>
    cluster.kubectl(['get', '--raw', `/api/v1/nodes/one:${port}/proxy/`]).stdout.trim();
  expect([ofNode(8081), ofNode(8082)]).toEqual(['of the machine', '']);
  expect(one.log()).toMatch(/asked for what its tunnel does not lead to/);
  expect(cluster.k('exec', 'web', '--', 'hostname').trim()).toBe('web');
});

it('with --egress-selector-mode=disabled the server asks the address alone', async () => {
  onTestFailed(() => void (failed = true));
  cluster.killServer('KILL');
  cluster.startServer(['--disable-agent', '--egress-selector-mode=disabled']);
  await cluster.answers();
  const exec = cluster.kubectl(['exec', 'web', '--', 'hostname'], { timeoutMs: 5000 });
  expect(exec.code).not.toBe(0);
  cluster.killServer('KILL');
  cluster.startServer(['--disable-agent']);
  await cluster.answers();
  await until('the tunnel is dialled again', () =>
    cluster.kubectl(['exec', 'web', '--', 'hostname']).stdout.includes('web'),
  );
});
