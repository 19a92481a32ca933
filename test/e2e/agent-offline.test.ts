import { afterAll, beforeAll, expect, it, onTestFailed } from 'vitest';
import { AgentMachine } from './agent-machine.ts';
import { busybox } from './images.ts';
import { TestCluster, until } from './node.ts';

const cluster = new TestCluster('server');
const away = new AgentMachine('away');
let failed = false;

beforeAll(async () => {
  await cluster.up({ images: [busybox()] });
  await away.boot([busybox()]);
  await away.join(cluster);
});
afterAll(() => {
  away.down(failed);
  cluster.down(failed);
});

const inside = (script: string): string => away.node.exec(['bash', '-c', script]).stdout;
const state = '/var/lib/skiff/agent';

it('runs its pods again after a power cut while no server answers', async () => {
  onTestFailed(() => void (failed = true));
  cluster.apply(`
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {word: remembered}
---
apiVersion: v1
kind: Secret
metadata: {name: hidden}
stringData: {word: unreadable-secret}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  nodeName: away
  terminationGracePeriodSeconds: 0
  volumes:
  - {name: v, configMap: {name: settings}}
  - {name: s, secret: {secretName: hidden}}
  containers:
  - name: c
    image: docker.io/library/busybox:test
    command: [sh, -c, "cp /v/word /s/word /tmp; exec httpd -f -p 8080 -h /v"]
    env: [{name: WORD, valueFrom: {secretKeyRef: {name: hidden, key: word}}}]
    volumeMounts: [{name: v, mountPath: /v}, {name: s, mountPath: /s}]
`);
  cluster.k('wait', '--for=condition=Ready', 'pod/web', '--timeout=60s');
  for (const file of [
    'network-policies.json',
    'remembered/kubelet/secrets',
    'remembered/kubelet/tokens',
    'remembered/kubelet/configmaps',
    'remembered/network/services',
  ])
    await until(
      `${file} is kept`,
      () => inside(`test -s ${state}/${file} && echo yes`) === 'yes\n',
    );
  expect(inside(`grep -rl unreadable-secret ${state}/remembered`)).toBe('');
  cluster.killServer('KILL');
  away.node.powerCut();
  await away.node.boot();
  away.start();
  await until('the pod runs', () => inside('ps -eo args').includes('httpd -f -p 8080 -h /v'), {
    seen: () => away.log().slice(-3000),
  });
  const [id] = inside(
    'ctr -a /run/skiff/containerd/containerd.sock -n k8s.io tasks ls | ' +
      'awk \'$3=="RUNNING"{print $1}\'',
  ).split('\n');
  expect(id).toBeTruthy();
  const pid = inside("pgrep -f '^httpd -f -p 8080' | tail -1").trim();
  expect(inside(`cat /proc/${pid}/root/tmp/word; tr '\\0' '\\n' < /proc/${pid}/environ`)).toMatch(
    /unreadable-secret[\s\S]*WORD=unreadable-secret/,
  );
  // Services and their names are there as they were last known.
  const name = 'web.default.svc.cluster.local';
  const lookup = `nsenter -t ${pid} -n -- busybox nslookup ${name} 10.43.0.10`;
  await until(
    'the name of the Service is answered',
    () => /10\.43\.\d+\.\d+/.test(inside(lookup).replace('10.43.0.10', '')),
    { seen: () => inside(lookup) },
  );
  cluster.startServer();
  await cluster.answers();
  await until(
    'the server is told of the restart',
    () =>
      cluster.kubectl([
        'get',
        'pod',
        'web',
        '-o',
        'jsonpath={.status.containerStatuses[0].restartCount} {.status.phase} ' +
          '{.status.conditions[?(@.type=="Ready")].status}',
      ]).stdout === '1 Running True',
  );
});
