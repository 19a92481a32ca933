import { at, type Answer, type Json, type Target } from '../target.ts';
import { each, type Attack } from '../attack.ts';

const user = 'attack-proxy-user';
const proxyRight = {
  apiGroups: [''],
  resources: ['services/proxy', 'pods/proxy', 'nodes/proxy'],
  verbs: ['get', 'create'],
};

/** Undefined when the server refused in its own words before it dialled anything. */
function refused(answer: Answer): string | undefined {
  const message = String(at(answer.json, 'message') ?? answer.text);
  const own =
    at(answer.json, 'kind') === 'Status' &&
    /no endpoints available for service|no service port|address not allowed|invalid service request|services "x" not found/.test(
      message,
    );
  return own && answer.status >= 400 ? undefined : `${answer.status} ${message.slice(0, 200)}`;
}

async function get(target: Target, path: string): Promise<string | undefined> {
  return refused(await target.call({ path, as: { user }, timeoutMs: 15_000 }));
}

/** Each way of writing a service and a port. */
async function tryService(
  target: Target,
  ns: string,
  name: string,
  port: number,
): Promise<string | undefined> {
  for (const spelled of [
    `${name}:${port}`,
    `https:${name}:${port}`,
    `http:${name}:p`,
    `https:${name}:p`,
    name,
  ]) {
    const got = await get(target, `/api/v1/namespaces/${ns}/services/${spelled}/proxy/version`);
    if (got) return `${spelled}: ${got}`;
  }
  return undefined;
}

/** The API server's own address, as its endpoints say. */
async function serverSpot(target: Target): Promise<{ ip: string; port: number }> {
  const endpoints = await target.must('GET', '/api/v1/namespaces/default/endpoints/kubernetes');
  return {
    ip: String(at(endpoints, 'subsets', 0, 'addresses', 0, 'ip')),
    port: Number(at(endpoints, 'subsets', 0, 'ports', 0, 'port')),
  };
}

async function service(target: Target, ns: string, spec: Json): Promise<void> {
  await target.make(`/api/v1/namespaces/${ns}/services`, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'x' },
    spec,
  });
}

/** A pod that nobody runs, with a status that its writer made up. */
async function madeUpPod(target: Target, ns: string, ip: string): Promise<void> {
  await target.make(`/api/v1/namespaces/${ns}/pods`, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'liar' },
    spec: { schedulerName: 'nobody', containers: [{ name: 'c', image: 'none' }] },
  });
  const patched = await target.call({
    method: 'PATCH',
    path: `/api/v1/namespaces/${ns}/pods/liar/status`,
    type: 'application/merge-patch+json',
    body: { status: { podIP: ip, podIPs: [{ ip }] } },
  });
  if (patched.status !== 200 && patched.status !== 422)
    throw new Error(
      `the pod's status was not written: ${patched.status} ${patched.text.slice(0, 200)}`,
    );
}

const loopback = {
  ipv4: '127.0.0.1',
  'ipv4-other': '127.1.2.3',
  ipv6: '::1',
  metadata: '169.254.169.254',
  any: '0.0.0.0',
};

const ssrf: Attack[] = [
  ...each(
    'proxy-external-name',
    {
      loopback: '127.0.0.1',
      localhost: 'localhost',
      metadata: '169.254.169.254',
      apiserver: 'kubernetes.default.svc.cluster.local',
    },
    async (target, externalName) => {
      const ns = await target.namespace();
      await target.grant(user, [proxyRight]);
      const port = Number(target.server.port || 443);
      await service(target, ns, {
        type: 'ExternalName',
        externalName,
        ports: [{ name: 'p', port }],
      });
      return tryService(target, ns, 'x', port);
    },
  ),
  ...each(
    'proxy-hand-made-endpoints',
    {
      bare: {},
      'pod-elsewhere': { targetRef: { kind: 'Pod', namespace: 'kube-system', name: 'x' } },
      'no-such-pod': { targetRef: { kind: 'Pod', name: 'none' } },
      'own-pod': { targetRef: { kind: 'Pod', name: 'liar' } },
    } as Record<string, Json>,
    async (target, more) => {
      const ns = await target.namespace();
      await target.grant(user, [proxyRight]);
      const spot = await serverSpot(target);
      await madeUpPod(target, ns, '192.0.2.99');
      const ref =
        at(more, 'targetRef') === undefined
          ? {}
          : { targetRef: { namespace: ns, ...(at(more, 'targetRef') as Json) } };
      await service(target, ns, { ports: [{ name: 'p', port: 443 }] });
      await target.make(`/api/v1/namespaces/${ns}/endpoints`, {
        apiVersion: 'v1',
        kind: 'Endpoints',
        metadata: { name: 'x' },
        subsets: [
          { addresses: [{ ip: spot.ip, ...ref }], ports: [{ name: 'p', port: spot.port }] },
        ],
      });
      await target.make(`/apis/discovery.k8s.io/v1/namespaces/${ns}/endpointslices`, {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: 'hand', labels: { 'kubernetes.io/service-name': 'x' } },
        addressType: spot.ip.includes(':') ? 'IPv6' : 'IPv4',
        endpoints: [{ addresses: [spot.ip], conditions: { ready: true }, ...ref }],
        ports: [{ name: 'p', port: spot.port, protocol: 'TCP' }],
      });
      return tryService(target, ns, 'x', 443);
    },
  ),
  ...each('proxy-pod-address', loopback, async (target, ip) => {
    const ns = await target.namespace();
    await target.grant(user, [proxyRight]);
    await madeUpPod(target, ns, ip);
    const port = Number(target.server.port || 443);
    return (
      (await get(target, `/api/v1/namespaces/${ns}/pods/https:liar:${port}/proxy/version`)) ??
      (await get(target, `/api/v1/namespaces/${ns}/pods/liar:${port}/proxy/`))
    );
  }),
  ...each('proxy-node-address', loopback, async (target, address) => {
    await target.grant(user, [proxyRight]);
    const made = await target.make('/api/v1/nodes', {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { generateName: 'attack-' },
      spec: { unschedulable: true },
    });
    const name = String(at(made, 'metadata', 'name'));
    await target.call({
      method: 'PATCH',
      path: `/api/v1/nodes/${name}/status`,
      type: 'application/merge-patch+json',
      body: { status: { addresses: [{ type: 'InternalIP', address }] } },
    });
    const port = Number(target.server.port || 443);
    return (
      (await get(target, `/api/v1/nodes/https:${name}:${port}/proxy/version`)) ??
      (await get(target, `/api/v1/nodes/${name}:${port}/proxy/`))
    );
  }),
  ...each(
    'endpoint-address',
    {
      loopback: '127.0.0.1',
      metadata: '169.254.169.254',
      multicast: '224.0.0.1',
      mapped: '::ffff:127.0.0.1',
      ipv6: '::1',
      'link-local': 'fe80::1',
    },
    async (target, ip) => {
      const ns = await target.namespace();
      const object = {
        apiVersion: 'v1',
        kind: 'Endpoints',
        metadata: { name: 'x' },
        subsets: [{ addresses: [{ ip }], ports: [{ port: 80 }] }],
      };
      const { status } = await target.call({
        method: 'POST',
        path: `/api/v1/namespaces/${ns}/endpoints`,
        body: object,
      });
      return status === 422 ? undefined : `Endpoints with ${ip} answer ${status}`;
    },
  ),
];

/** A pod that answers every request with what `script` prints; the request's head is in $req. */
async function answering(target: Target, script: string): Promise<string> {
  const ns = await target.namespace();
  const serve =
    'req=""; while read -r l; do l=$(printf %s "$l" | tr -d "\\r"); [ -z "$l" ] && break; ' +
    `req="$req$l\n"; done; ${script}`;
  const container = {
    name: 'c',
    image: target.image,
    imagePullPolicy: 'IfNotPresent',
    command: [
      'sh',
      '-c',
      `cat >/tmp/serve <<'END'\n${serve}\nEND\nwhile true; do nc -l -p 8080 -e sh /tmp/serve; done`,
    ],
  };
  await target.make(`/api/v1/namespaces/${ns}/pods`, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web' },
    spec: { terminationGracePeriodSeconds: 0, nodeName: target.node, containers: [container] },
  });
  await target.until(
    'the pod runs',
    async () =>
      at(
        (await target.call({ path: `/api/v1/namespaces/${ns}/pods/web` })).json,
        'status',
        'phase',
      ) === 'Running',
  );
  const path = `/api/v1/namespaces/${ns}/pods/web:8080/proxy/`;
  await target.until(
    'the pod answers',
    async () => (await target.call({ path, maxBytes: 1, timeoutMs: 10_000 })).status === 200,
  );
  return path;
}

const secret = 'attack-secret-value';
const echo =
  'printf "HTTP/1.0 200 OK\\r\\nContent-Type: text/plain\\r\\nConnection: ' +
  'close\\r\\n\\r\\n"; printf "$req"';

const backends: Attack[] = [
  ...each(
    'proxied-identity',
    {
      authorization: { 'x-none': '1' },
      'websocket-token': {
        'sec-websocket-protocol':
          `base64url.bearer.authorization.k8s.io.${secret}, ` + 'v4.channel.k8s.io',
      },
      'remote-user': {
        'x-remote-user': secret,
        'x-remote-group': secret,
        'x-remote-uid': secret,
        'x-remote-extra-scopes': secret,
      },
      'listed-in-connection': { connection: 'close, x-attack-hop', 'x-attack-hop': secret },
      'proxy-authorization': { 'proxy-authorization': `Basic ${secret}` },
    } as Record<string, Record<string, string>>,
    async (target, headers) => {
      const path = await answering(target, echo);
      await target.grant(user, [proxyRight]);
      const { status, text } = await target.call({
        path,
        headers,
        as: { user, groups: [secret, 'system:authenticated'] },
      });
      if (status !== 200 && status !== 401)
        throw new Error(`the pod did not answer: ${status} ${text.slice(0, 200)}`);
      return text.includes(secret) || /^(authorization|impersonate-)/im.test(text)
        ? `the pod saw ${text.slice(0, 300)}`
        : undefined;
    },
    { needsNode: true },
  ),
  {
    name: 'proxied-page-is-held-whole',
    needsNode: true,
    async run(target) {
      const path = await answering(
        target,
        'printf "HTTP/1.0 200 OK\\r\\nContent-Type: text/html\\r\\n\\r\\n<p>first</p>"; sleep 20',
      );
      const answer = await target
        .call({ path, maxBytes: 5, timeoutMs: 10_000 })
        .catch((error: unknown) => error as Error);
      return answer instanceof Error
        ? `nothing of a page came before its end: ${answer.message.slice(0, 100)}`
        : undefined;
    },
  },
  {
    name: 'proxied-answer-that-breaks-off',
    needsNode: true,
    async run(target) {
      const path = await answering(
        target,
        'printf "HTTP/1.1 200 OK\\r\\nContent-Type: text/html\\r\\nTransfer-Encoding: ' +
          'chunked\\r\\n\\r\\n5\\r\\n<p>ha\\r\\n"',
      );
      const answer = await target
        .call({ path, timeoutMs: 10_000 })
        .catch((error: unknown) => error as Error);
      return answer instanceof Error
        ? undefined
        : `half a page passed for a whole: ${answer.status} ${answer.text.slice(0, 50)}`;
    },
  },
];

export const attacks: Attack[] = [...ssrf, ...backends];
