import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { busybox } from './images.ts';
import { run, TestCluster, until } from './node.ts';

const cluster = new TestCluster();
let failed = false;
beforeAll(async () => {
  await cluster.up({ images: [busybox()] });
  cluster.apply(web);
  cluster.k('rollout', 'status', 'deployment/web', '--timeout=60s');
});
afterAll(() => cluster.down(failed));

const page =
  'mkdir -p /www/cgi-bin; printf "#!/bin/sh\\necho; echo \\$REMOTE_ADDR\\n" > /www/cgi-bin/ip; ' +
  'chmod +x /www/cgi-bin/ip; exec httpd -f -p 8080 -h /www';
const web = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: c
        image: docker.io/library/busybox:test
        command: [sh, -c, ${JSON.stringify(page)}]
        readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
`;
const service = (name: string, port: number, spec: object = {}): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: {
      type: 'LoadBalancer',
      selector: { app: 'web' },
      ports: [{ port, targetPort: 8080 }],
      ...spec,
    },
  });
const addressOf = (name: string): string =>
  cluster.k('get', 'service', name, '-o', 'jsonpath={.status.loadBalancer.ingress[*].ip}');
const get = (path: string): { code: number; stdout: string } =>
  run(['curl', '-s', '-m', '2', `http://${cluster.node.ip}${path}`]);
const answers = (port: number): Promise<unknown> =>
  until(`port ${port} answers`, () => get(`:${port}/cgi-bin/ip`).code === 0);

describe('a Service of type LoadBalancer', () => {
  it('answers on the node, and its pods see who asks', async () => {
    onTestFailed(() => void (failed = true));
    cluster.apply(service('front', 80, { allocateLoadBalancerNodePorts: false }));
    await until('it has an address', () => addressOf('front') === cluster.node.ip);
    await answers(80);
    expect(get('/cgi-bin/ip').stdout).toContain(cluster.node.hostIp);
    expect(cluster.k('get', 'service', 'front', '-o', 'jsonpath={.spec.ports[0].nodePort}')).toBe(
      '',
    );
    const inPod = cluster.k(
      'exec',
      'deploy/web',
      '--',
      'wget',
      '-qO-',
      `http://${cluster.node.ip}/cgi-bin/ip`,
    );
    expect(inPod.trim()).not.toBe('');
  });

  it('tells the second who has its port, and takes over when that goes', async () => {
    onTestFailed(() => void (failed = true));
    cluster.apply(service('second', 80));
    await until('it says why', () =>
      cluster.k('describe', 'service', 'second').includes('belongs to Service default/front'),
    );
    expect(addressOf('second')).toBe('');
    cluster.k('delete', 'service', 'front');
    await until('it has an address', () => addressOf('second') === cluster.node.ip);
    await answers(80);
    cluster.k('delete', 'service', 'second');
    await until('nobody answers', () => get('/cgi-bin/ip').code !== 0);
  });

  it('lets in only whom loadBalancerSourceRanges name', async () => {
    onTestFailed(() => void (failed = true));
    cluster.apply(service('narrow', 81, { loadBalancerSourceRanges: ['203.0.113.0/24'] }));
    await until('it has an address', () => addressOf('narrow') === cluster.node.ip);
    await until('it is closed', () => get(':81/cgi-bin/ip').code !== 0);
    cluster.apply(
      service('narrow', 81, { loadBalancerSourceRanges: [`${cluster.node.hostIp}/32`] }),
    );
    await answers(81);
  });

  it('with externalTrafficPolicy Local answers and is healthy where its pods are', async () => {
    onTestFailed(() => void (failed = true));
    cluster.apply(service('local', 82, { externalTrafficPolicy: 'Local' }));
    await until('it has an address', () => addressOf('local') === cluster.node.ip);
    await answers(82);
    const port = cluster.k('get', 'service', 'local', '-o', 'jsonpath={.spec.healthCheckNodePort}');
    await until('it is healthy', () =>
      get(`:${port}/healthz`).stdout.includes('"localEndpoints": 1'),
    );
    cluster.k('scale', 'deployment/web', '--replicas=0');
    await until('it is not', () => get(`:${port}/`).stdout.includes('"localEndpoints": 0'));
    await until('its address is gone', () => addressOf('local') === '');
    cluster.k('scale', 'deployment/web', '--replicas=1');
    await answers(82);
  });

  it('is left to another with --disable=servicelb', async () => {
    onTestFailed(() => void (failed = true));
    await cluster.stopServer();
    cluster.startServer(['--disable=servicelb']);
    await cluster.ready();
    cluster.apply(service('other', 83));
    cluster.apply(service('marker', 84, { type: 'NodePort' }));
    await until('the node port is open', () => {
      const port = cluster.k(
        'get',
        'service',
        'marker',
        '-o',
        'jsonpath={.spec.ports[0].nodePort}',
      );
      return get(`:${port}/cgi-bin/ip`).code === 0;
    });
    expect(addressOf('other')).toBe('');
    const status = { loadBalancer: { ingress: [{ ip: '203.0.113.7' }] } };
    const patch = JSON.stringify({ status });
    cluster.k('patch', 'service', 'other', '--subresource=status', '--type=merge', '-p', patch);
    expect(addressOf('other')).toBe('203.0.113.7');
    await until(
      'its address leads to pods',
      () =>
        cluster.node.exec(['curl', '-s', '-m', '2', 'http://203.0.113.7:83/cgi-bin/ip']).code === 0,
    );
  });
});
