import { type TestCluster, until } from '../../e2e/node.ts';
import type { Application } from './application.ts';

const image = 'docker.io/library/nats:2.15.3';
const servers = ['nats-0', 'nats-1', 'nats-2'];
const configuration = `
    server_name: $POD_NAME
    http_port: 8222
    jetstream: {store_dir: /data, max_memory_store: 16MB, max_file_store: 32MB}
    cluster: {
      name: nats, listen: "0.0.0.0:6222"
      routes: [${servers.map((name) => `"nats://${name}.nats:6222"`).join(', ')}]
    }
`;
const objects = `
apiVersion: v1
kind: Service
metadata: {name: nats}
spec:
  clusterIP: None
  publishNotReadyAddresses: true
  selector: {app: nats}
  ports: [{name: client, port: 4222}, {name: cluster, port: 6222}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: nats}
data:
  nats.conf: |${configuration}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: nats}
spec: {maxUnavailable: 1, selector: {matchLabels: {app: nats}}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: nats}
spec:
  serviceName: nats
  replicas: ${servers.length}
  podManagementPolicy: Parallel
  selector: {matchLabels: {app: nats}}
  template:
    metadata: {labels: {app: nats}}
    spec:
      terminationGracePeriodSeconds: 10
      containers:
      - name: nats
        image: ${image}
        args: [--config, /etc/nats/nats.conf]
        env: [{name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
        ports: [{name: client, containerPort: 4222}]
        readinessProbe: {httpGet: {path: /healthz, port: 8222}, periodSeconds: 2, failureThreshold: 30}
        volumeMounts: [{name: data, mountPath: /data}, {name: config, mountPath: /etc/nats}]
      volumes: [{name: config, configMap: {name: nats}}]
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 64Mi}}}
`;

/** What a server says to these lines of its protocol, spoken from the machine itself. */
function said(cluster: TestCluster, pod: string, lines: string[]): string {
  const ip = cluster.k('get', 'pod', pod, '-o', 'jsonpath={.status.podIP}');
  const script = `exec 3<>/dev/tcp/${ip}/4222; printf %s "$0" >&3; timeout 2 cat <&3`;
  const hello = 'CONNECT {"verbose":false,"pedantic":false}\r\nSUB answers 1\r\n';
  return cluster.node.look(['bash', '-c', script, hello + lines.map((l) => `${l}\r\n`).join('')])
    .stdout;
}
const ask = (subject: string, body: object | string): string => {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return `PUB ${subject} answers ${Buffer.byteLength(text)}\r\n${text}`;
};

/** Three servers that find each other by their names, with a stream on three disks. */
export const nats: Application = {
  name: 'NATS 2.15 with JetStream',
  needs: ['nats-server'],
  images: () => [{ name: image, programs: { '/nats-server': 'nats-server' } }],
  install: (cluster) => void cluster.apply(objects),
  async check(cluster, again) {
    cluster.k('rollout', 'status', 'statefulset/nats', '--timeout=180s');
    if (!again) {
      const stream = { name: 'kept', subjects: ['kept.*'], num_replicas: 3, storage: 'file' };
      await until('the stream is made', () =>
        said(cluster, 'nats-0', [ask('$JS.API.STREAM.CREATE.kept', stream)]).includes(
          '"num_replicas":3',
        ),
      );
      await until('a message is kept', () =>
        said(cluster, 'nats-1', [ask('kept.one', 'from before')]).includes('"stream":"kept"'),
      );
    }
    for (const pod of servers)
      await until(
        `${pod} has the message`,
        () => {
          const answer = said(cluster, pod, [ask('$JS.API.STREAM.MSG.GET.kept', { seq: 1 })]);
          const [, data = ''] = /"data":"([^"]*)"/.exec(answer) ?? [];
          return Buffer.from(data, 'base64').toString() === 'from before';
        },
        { timeoutMs: 120_000 },
      );
  },
};
