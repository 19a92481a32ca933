import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ok, type TestCluster, until } from '../../e2e/node.ts';
import type { Application } from './application.ts';

const image = 'registry.k8s.io/e2e-test-images/agnhost:mesh';
const versions = ['v1', 'v2'];
/** Of four requests one goes to the new version. */
const weights = { v1: 3, v2: 1 } as const;
const requests = 80;

const injector = `
apiVersion: v1
kind: Service
metadata: {name: injector, namespace: mesh}
spec: {selector: {app: injector}, ports: [{port: 443, targetPort: 8444}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: injector, namespace: mesh}
spec:
  selector: {matchLabels: {app: injector}}
  template:
    metadata: {labels: {app: injector}}
    spec:
      containers:
      - name: c
        image: ${image}
        args: [webhook, --port=8444, --tls-cert-file=/tls/tls.crt, --tls-private-key-file=/tls/tls.key, "--sidecar-image=${image}"]
        readinessProbe: {httpGet: {path: /readyz, port: 8444, scheme: HTTPS}, periodSeconds: 1}
        volumeMounts: [{name: tls, mountPath: /tls}]
      volumes: [{name: tls, secret: {secretName: injector}}]
`;
const webhook = (ca: string): string => `
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: injector}
webhooks:
- name: sidecar.mesh.test
  admissionReviewVersions: [v1]
  sideEffects: None
  namespaceSelector: {matchLabels: {mesh: enabled}}
  rules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
  clientConfig:
    caBundle: ${Buffer.from(ca).toString('base64')}
    service: {namespace: mesh, name: injector, path: /mutating-pods-sidecar}
`;
const shop = versions
  .map(
    (version) => `
apiVersion: v1
kind: Service
metadata: {name: ${version}, namespace: shop}
spec: {selector: {version: ${version}}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${version}, namespace: shop}
spec:
  selector: {matchLabels: {version: ${version}}}
  template:
    metadata: {labels: {version: ${version}}}
    spec:
      containers:
      - name: web
        image: ${image}
        args: [netexec, --http-port=8080]
        readinessProbe: {httpGet: {path: /healthz, port: 8080}, periodSeconds: 1}
`,
  )
  .join('---');
const gateway = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: shop, namespace: shop}
spec:
  gatewayClassName: skiff
  listeners: [{name: http, port: 8090, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: canary, namespace: shop}
spec:
  parentRefs: [{name: shop}]
  rules:
  - backendRefs: [${versions.map((v) => `{name: ${v}, port: 80, weight: ${weights[v as 'v1']}}`).join(', ')}]
`;

/** How many of the requests each version answered. */
function answers(cluster: TestCluster): Map<string, number> {
  const url = `http://${cluster.node.ip}:8090/hostname`;
  const loop = `for i in $(seq ${requests}); do curl -s -m 5 ${url}; echo; done`;
  const counts = new Map<string, number>();
  for (const line of cluster.node.look(['bash', '-c', loop]).stdout.split('\n')) {
    const [version = ''] = line.split('-');
    if (versions.includes(version)) counts.set(version, (counts.get(version) ?? 0) + 1);
  }
  return counts;
}

/** The ways of a service mesh: a sidecar that a webhook adds, and a new version that gets a share. */
export const mesh: Application = {
  name: 'a mesh: injected sidecars and a canary by weights',
  needs: ['../agnhost'],
  images: () => [
    { name: image, programs: { '/agnhost': '../agnhost' }, config: { cmd: ['pause'] } },
  ],
  install(cluster) {
    cluster.k('create', 'namespace', 'mesh');
    cluster.k('create', 'namespace', 'shop');
    cluster.k('label', 'namespace', 'shop', 'mesh=enabled');
    const [key, cert] = ['key', 'crt'].map((end) => join(cluster.node.disk, `injector.${end}`));
    const name = 'injector.mesh.svc';
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`];
    ok(['openssl', 'req', '-x509', ...curve, ...subject, '-keyout', key!, '-out', cert!]);
    const pair = [`--key=${key}`, `--cert=${cert}`];
    cluster.k('-n', 'mesh', 'create', 'secret', 'tls', 'injector', ...pair);
    cluster.apply(injector);
    cluster.k('-n', 'mesh', 'rollout', 'status', 'deployment/injector', '--timeout=120s');
    cluster.apply(webhook(readFileSync(cert!, 'utf8')));
    cluster.apply(shop);
    cluster.apply(gateway);
  },
  async check(cluster) {
    for (const version of versions)
      cluster.k('-n', 'shop', 'rollout', 'status', `deployment/${version}`, '--timeout=120s');
    const names = 'jsonpath={.items[*].spec.containers[*].name}';
    const containers = cluster.k('-n', 'shop', 'get', 'pods', '-o', names);
    if (containers.split(' ').filter((c) => c === 'webhook-added-sidecar').length !== 2)
      throw new Error(`no sidecar was added: ${containers}`);
    await until('the Gateway answers', () => answers(cluster).size > 0, { timeoutMs: 120_000 });
    const counts = answers(cluster);
    const share = (counts.get('v2') ?? 0) / requests;
    const all = [...counts.values()].reduce((sum, one) => sum + one, 0);
    if (all !== requests || share < 0.15 || share > 0.35)
      throw new Error(`of ${requests} requests were answered ${JSON.stringify([...counts])}`);
  },
};
