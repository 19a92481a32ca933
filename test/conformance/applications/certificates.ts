import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { helmVersion } from '../../../build/kubectl.ts';
import { ok, root, type TestCluster, until } from '../../e2e/node.ts';
import type { Application } from './application.ts';

const version = 'v1.21.1';
const parts = ['controller', 'webhook', 'cainjector', 'startupapicheck'];

/** By its own chart, as an AddOn: the chart lies among the files that the server has. */
const chart = `
apiVersion: helm.cattle.io/v1
kind: HelmChart
metadata: {name: cert-manager, namespace: kube-system}
spec:
  chart: https://%{KUBERNETES_API}%/static/charts/cert-manager.tgz
  targetNamespace: cert-manager
  createNamespace: true
  valuesContent: |
    crds: {enabled: true}
`;
const issuers = `
apiVersion: cert-manager.io/v1
kind: ClusterIssuer
metadata: {name: self}
spec: {selfSigned: {}}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: authority, namespace: cert-manager}
spec:
  isCA: true
  commonName: homelab authority
  secretName: authority
  privateKey: {algorithm: ECDSA, size: 256}
  issuerRef: {name: self, kind: ClusterIssuer}
---
apiVersion: cert-manager.io/v1
kind: ClusterIssuer
metadata: {name: homelab}
spec: {ca: {secretName: authority}}
`;
const web = `
apiVersion: v1
kind: Service
metadata: {name: secured}
spec: {selector: {app: secured}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: secured}
spec:
  selector: {matchLabels: {app: secured}}
  template:
    metadata: {labels: {app: secured}}
    spec:
      containers:
      - name: c
        image: docker.io/library/busybox:test
        command: [sh, -c, "mkdir /www; echo secured > /www/index.html; exec httpd -f -p 8080 -h /www"]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: secured, annotations: {cert-manager.io/cluster-issuer: homelab}}
spec:
  tls: [{hosts: [secured.test], secretName: secured-tls}]
  rules:
  - host: secured.test
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: secured, port: {number: 80}}}}]}
`;

/** What the Ingress shows to whoever speaks TLS with it. */
function shown(cluster: TestCluster): X509Certificate | undefined {
  const to = `${cluster.node.ip}:443`;
  const ask = `openssl s_client -connect ${to} -servername secured.test </dev/null`;
  const { stdout } = cluster.node.look(['bash', '-c', ask], { timeoutMs: 10_000 });
  const [pem] = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/.exec(stdout) ?? [];
  return pem === undefined ? undefined : new X509Certificate(pem);
}

/** Its webhook judges, its issuers sign, and the Ingress shows what they signed. */
export const certManager: Application = {
  name: `cert-manager ${version}`,
  needs: [...parts.map((part) => `cert-manager-${part}`), 'manifests/cert-manager'],
  images: () =>
    parts.map((part) => ({
      name: `quay.io/jetstack/cert-manager-${part}:${version}`,
      programs: { [`/app/cmd/${part}/${part}`]: `cert-manager-${part}` },
      config: { user: '1000' },
    })),
  install(cluster, folder) {
    const work = join(cluster.node.disk, 'cert-manager');
    cpSync(join(folder, 'manifests/cert-manager'), work, { recursive: true });
    const charts = join(cluster.node.disk, 'var/lib/skiff/server/static/charts');
    mkdirSync(charts, { recursive: true });
    const helm = join(root, 'dist', `helm-${helmVersion}-${process.arch}`);
    const as = ['--version', version, '--app-version', version, '--destination', cluster.node.disk];
    ok([helm, 'package', work, ...as]);
    cpSync(
      join(cluster.node.disk, `cert-manager-${version}.tgz`),
      join(charts, 'cert-manager.tgz'),
    );
    rmSync(work, { recursive: true });
    const manifests = join(cluster.node.disk, 'var/lib/skiff/server/manifests');
    ok(['tee', join(manifests, 'cert-manager.yaml')], { input: chart });
  },
  async check(cluster, again) {
    if (!again)
      await until(
        'the chart is deployed',
        () =>
          cluster
            .kubectl(['-n', 'kube-system', 'get', 'helmchart', 'cert-manager', '-o', 'json'])
            .stdout.includes('"type": "Deployed"'),
        { timeoutMs: 60_000 },
      );
    const deployed = '--for=condition=Deployed';
    const chartName = 'helmchart/cert-manager';
    cluster.k('-n', 'kube-system', 'wait', deployed, chartName, '--timeout=300s');
    cluster.k('-n', 'cert-manager', 'wait', '--for=condition=Available', 'deployment', '--all');
    const wrong = cluster.kubectl(['apply', '-f', '-'], {
      input: issuers.replace('{selfSigned: {}}', '{selfSigned: {}, ca: {secretName: x}}'),
    });
    if (!wrong.stderr.includes('webhook.cert-manager.io'))
      throw new Error(`its webhook did not refuse: ${wrong.stderr}${wrong.stdout}`);
    await until('its webhook takes the issuers', () => (cluster.apply(issuers), true));
    cluster.apply(web);
    cluster.k('wait', '--for=condition=Ready', 'certificate/secured-tls', '--timeout=120s');
    await until(
      'the Ingress shows what the authority signed',
      () => shown(cluster)?.issuer === 'CN=homelab authority',
      { timeoutMs: 60_000, seen: () => String(shown(cluster)) },
    );
    await until('and the page behind it', () => {
      const at = `secured.test:443:${cluster.node.ip}`;
      const curl = ['curl', '-ks', '--resolve', at, 'https://secured.test/'];
      return cluster.node.look(curl).stdout === 'secured\n';
    });
    if (!again) return;
    // Taken away, it is issued again: all of it works after the power cut, too.
    cluster.k('delete', 'secret', 'secured-tls');
    await until(
      'another is issued',
      () => cluster.kubectl(['get', 'secret', 'secured-tls']).code === 0,
    );
  },
};
