import { afterAll, beforeAll, expect, it, onTestFailed } from 'vitest';
import { AgentMachine } from './agent-machine.ts';
import { busybox } from './images.ts';
import { TestCluster, until, type TestNode } from './node.ts';

/** A cluster with addresses of both families, on machines of which one has IPv6 itself. */
const cluster = new TestCluster('server');
const one = new AgentMachine('one');
let failed = false;
const own6 = '2001:db8:30::1';
const flags = ['--cluster-cidr=10.42.0.0/16,fd42::/56', '--service-cidr=10.43.0.0/16,fd43::/112'];

beforeAll(async () => {
  await cluster.launch({ images: [busybox()], flags, start: false });
  const add = ['ip', 'addr', 'add', `${own6}/64`, 'dev', 'eth0', 'nodad'];
  expect(cluster.node.exec(add).code).toBe(0);
  // As a machine with IPv6 has it: without any route nothing of its own leaves it.
  const route = ['ip', '-6', 'route', 'add', 'default', 'via', '2001:db8:30::fe', 'dev', 'eth0'];
  expect(cluster.node.exec(route).code).toBe(0);
  cluster.startServer();
  await cluster.ready();
  await one.boot([busybox()]);
  await one.join(cluster);
});
afterAll(() => {
  one.down(failed);
  cluster.down(failed);
});

const pod = (name: string, node: string): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {app: web}}
spec:
  nodeName: ${node}
  terminationGracePeriodSeconds: 0
  containers:
  - name: c
    image: docker.io/library/busybox:test
    command: [sh, -c, "mkdir /www; hostname > /www/index.html; exec httpd -f -p '[::]:8080' -h /www"]
    readinessProbe: {httpGet: {port: 8080, path: /}, periodSeconds: 1}
`;
const ask = 'printf "GET / HTTP/1.0\\r\\n\\r\\n" | timeout 5 nc -w 3';
const fetched = (from: string, host: string, port: number): string =>
  cluster
    .kubectl(['exec', from, '--', 'sh', '-c', `${ask} ${host} ${port}`])
    .stdout.trim()
    .split('\n')
    .at(-1) ?? '';
const fromNode = (node: TestNode, host: string, port: number): string =>
  node.exec(['curl', '-gsm', '5', `http://[${host}]:${port}/`]).stdout.trim();
const ipsOf = (name: string): string[] =>
  cluster.k('get', 'pod', name, '-o', 'jsonpath={.status.podIPs[*].ip}').split(' ');
const service = (name: string, spec: string): string =>
  cluster.apply(`
apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
${spec}`);
interface ServiceSpec {
  clusterIPs: string[];
  ipFamilies: string[];
  ipFamilyPolicy: string;
  ports: { nodePort?: number }[];
}
const specOf = (name: string): ServiceSpec =>
  cluster.json<{ spec: ServiceSpec }>('service', name).spec;

it('gives nodes ranges and pods addresses of both, which reach each other', async () => {
  onTestFailed(() => void (failed = true));
  const ranges = cluster.k('get', 'nodes', '-o', 'jsonpath={.items[*].spec.podCIDRs}');
  expect(ranges).toMatch(/10\.42\.0\.0\/24.*fd42::\/64/);
  expect(ranges).toMatch(/10\.42\.1\.0\/24.*fd42:0:0:1::\/64/);
  const addresses = 'jsonpath={.status.addresses[?(@.type=="InternalIP")].address}';
  expect(cluster.k('get', 'node', 'server', '-o', addresses)).toBe(`${cluster.node.ip} ${own6}`);
  cluster.apply(`${pod('here', 'server')}---${pod('near', 'server')}---${pod('far', 'one')}`);
  cluster.k('wait', '--for=condition=Ready', 'pod/here', 'pod/near', 'pod/far', '--timeout=60s');
  for (const name of ['near', 'far']) {
    const ips = ipsOf(name);
    expect(ips).toEqual([expect.stringMatching(/^10\.42\./), expect.stringMatching(/^fd42:/)]);
    for (const ip of ips)
      await until(`${name} answers at ${ip}`, () => fetched('here', ip, 8080) === name);
  }
});

it('gives Services what they ask for, and leads to them', async () => {
  onTestFailed(() => void (failed = true));
  service('plain', '');
  service('both', '  type: NodePort\n  ipFamilyPolicy: PreferDualStack');
  service('six', '  ipFamilies: [IPv6]');
  expect(specOf('plain')).toMatchObject({ ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' });
  const both = specOf('both');
  expect(both).toMatchObject({
    ipFamilies: ['IPv4', 'IPv6'],
    clusterIPs: [expect.stringMatching(/^10\.43\./), expect.stringMatching(/^fd43:/)],
  });
  const six = specOf('six');
  expect(six.clusterIPs).toEqual([expect.stringMatching(/^fd43:/)]);
  for (const ip of [...both.clusterIPs, ...six.clusterIPs])
    for (const from of ['here', 'far'])
      await until(`${ip} answers ${from}`, () =>
        ['here', 'near', 'far'].includes(fetched(from, ip, 80)),
      );
  const nodePort = both.ports[0]?.nodePort ?? 0;
  await until('the node port answers at IPv6', () =>
    ['here', 'near', 'far'].includes(fromNode(cluster.node, own6, nodePort)),
  );
  await until('the node reaches the Service', () =>
    ['here', 'near', 'far'].includes(fromNode(cluster.node, both.clusterIPs[1] ?? '', 80)),
  );
  // What nobody has is refused at once.
  const started = Date.now();
  expect(fromNode(cluster.node, 'fd43::eeee', 80)).toBe('');
  expect(Date.now() - started).toBeLessThan(3000);
});

it('answers AAAA for Services and pods, and follows a Service that changes', async () => {
  onTestFailed(() => void (failed = true));
  const names = (name: string): string =>
    cluster.kubectl(['exec', 'here', '--', 'nslookup', `${name}.default.svc.cluster.local`]).stdout;
  const [, second = ''] = specOf('both').clusterIPs;
  await until('the second address is known', () => names('both').includes(second));
  service('headless', '  clusterIP: None\n  ipFamilyPolicy: PreferDualStack');
  await until('pods are known by both', () =>
    [...ipsOf('near'), ...ipsOf('far')].every((ip) => names('headless').includes(ip)),
  );
  cluster.k('patch', 'service', 'both', '-p', '{"spec":{"ipFamilyPolicy":"SingleStack"}}');
  expect(specOf('both')).toMatchObject({ ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' });
  await until("the second address is nobody's", () => !names('both').includes(second));
  cluster.k('patch', 'service', 'both', '-p', '{"spec":{"ipFamilyPolicy":"RequireDualStack"}}');
  const [, again = ''] = specOf('both').clusterIPs;
  expect(again).toMatch(/^fd43:/);
  await until('it answers again', () =>
    ['here', 'near', 'far'].includes(fetched('here', again, 80)),
  );
});

it('holds a policy for both', async () => {
  onTestFailed(() => void (failed = true));
  cluster.apply(`
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: nobody}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]}
`);
  for (const ip of ipsOf('near'))
    await until(`${ip} is closed`, () => fetched('here', ip, 8080) === '');
  cluster.k('delete', 'networkpolicy', 'nobody');
  for (const ip of ipsOf('near'))
    await until(`${ip} is open`, () => fetched('here', ip, 8080) === 'near');
});
