import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { busybox, nginx } from './images.ts';
import { TestCluster, until } from './node.ts';

const cluster = new TestCluster();
let failed = false;
beforeAll(() => cluster.up({ images: [busybox(), nginx()] }));
afterAll(() => cluster.down(failed));

const web = (replicas = 3): string => `
apiVersion: v1
kind: ConfigMap
metadata: {name: pages}
data: {index.html: "hello from a ConfigMap\\n"}
---
apiVersion: v1
kind: Secret
metadata: {name: login}
stringData: {password: s3cret}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 2
      containers:
      - name: nginx
        image: docker.io/library/nginx:test
        ports: [{containerPort: 80}]
        env: [{name: PASSWORD, valueFrom: {secretKeyRef: {name: login, key: password}}}]
        volumeMounts: [{name: pages, mountPath: /usr/share/nginx/html}]
        readinessProbe: {httpGet: {path: /, port: 80}, periodSeconds: 1}
        livenessProbe: {tcpSocket: {port: 80}, periodSeconds: 5}
      volumes: [{name: pages, configMap: {name: pages}}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: NodePort
  selector: {app: web}
  ports: [{port: 80, nodePort: 30080}]
`;
const pod = (name: string, command: string): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: c, image: "docker.io/library/busybox:test", command: [sh, -c, ${JSON.stringify(command)}]}]
`;
const webPods = (): string[] =>
  cluster
    .k('get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[*].metadata.name}')
    .split(' ')
    .filter(Boolean);

describe('a Deployment behind a Service', () => {
  it('becomes available and answers on its node port', async () => {
    onTestFailed(() => void (failed = true));
    cluster.apply(web());
    cluster.k('rollout', 'status', 'deployment/web', '--timeout=60s');
    expect(webPods()).toHaveLength(3);
    await until(
      'the node port answers',
      () =>
        cluster.node.exec(['curl', '-s', '-m', '2', `http://${cluster.node.ip}:30080/`]).stdout ===
        'hello from a ConfigMap\n',
    );
    expect(cluster.k('get', 'deployment', 'web', '-o', 'wide')).toMatch(/web\s+3\/3\s+3\s+3/);
  });

  it('is reached by name from another pod, and has its secret', async () => {
    onTestFailed(() => void (failed = true));
    cluster.apply(pod('client', 'sleep 3600'));
    cluster.k('wait', '--for=condition=Ready', 'pod/client', '--timeout=60s');
    await until(
      'the name resolves and answers',
      () =>
        cluster.kubectl(['exec', 'client', '--', 'wget', '-q', '-O', '-', 'http://web/']).stdout ===
        'hello from a ConfigMap\n',
    );
    expect(cluster.k('exec', 'deploy/web', '--', 'sh', '-c', 'echo $PASSWORD')).toBe('s3cret\n');
    expect(
      cluster.k('exec', 'client', '--', 'nslookup', 'kubernetes.default.svc.cluster.local'),
    ).toContain('10.43.0.1');
  });

  it('updates its pages live', async () => {
    onTestFailed(() => void (failed = true));
    cluster.k(
      'patch',
      'configmap',
      'pages',
      '--type=merge',
      '-p',
      '{"data":{"index.html":"changed\\n"}}',
    );
    await until(
      'the new page is served',
      () =>
        cluster.node.exec(['curl', '-s', '-m', '2', `http://${cluster.node.ip}:30080/`]).stdout ===
        'changed\n',
    );
  });

  it('replaces a deleted pod and restarts a killed container', async () => {
    onTestFailed(() => void (failed = true));
    const [first, second] = webPods() as [string, string];
    cluster.k('delete', 'pod', first);
    cluster.k('rollout', 'status', 'deployment/web', '--timeout=60s');
    expect(webPods()).not.toContain(first);
    cluster.kubectl(['exec', second, '--', 'sh', '-c', 'kill 1']);
    await until(
      'the container was restarted',
      () =>
        cluster.k(
          'get',
          'pod',
          second,
          '-o',
          'jsonpath={.status.containerStatuses[0].restartCount}',
        ) === '1',
    );
    cluster.k('wait', '--for=condition=Ready', `pod/${second}`, '--timeout=60s');
  });

  it('rolls out, remembers and rolls back', () => {
    onTestFailed(() => void (failed = true));
    cluster.k('set', 'env', 'deployment/web', 'VERSION=2');
    cluster.k('rollout', 'status', 'deployment/web', '--timeout=90s');
    expect(
      cluster
        .k('rollout', 'history', 'deployment/web')
        .split('\n')
        .filter((l) => /^\d/.test(l)),
    ).toHaveLength(2);
    cluster.k('rollout', 'undo', 'deployment/web');
    cluster.k('rollout', 'status', 'deployment/web', '--timeout=90s');
    expect(
      cluster.k(
        'get',
        'deployment',
        'web',
        '-o',
        'jsonpath={.spec.template.spec.containers[0].env[*].name}',
      ),
    ).toBe('PASSWORD');
    cluster.k('scale', 'deployment/web', '--replicas=1');
    cluster.k(
      'wait',
      '--for=jsonpath={.status.readyReplicas}=1',
      'deployment/web',
      '--timeout=60s',
    );
  });
});

describe('one pod', () => {
  it('shows its log, also while it runs and from the instance before', async () => {
    onTestFailed(() => void (failed = true));
    cluster.apply(pod('talker', 'for i in 1 2 3; do echo line $i; done; sleep 1; exit 3'));
    await until(
      'it was restarted',
      () =>
        Number(
          cluster.k(
            'get',
            'pod',
            'talker',
            '-o',
            'jsonpath={.status.containerStatuses[0].restartCount}',
          ),
        ) >= 1,
    );
    expect(cluster.k('logs', 'talker', '--previous', '--tail=1')).toBe('line 3\n');
    expect(
      cluster.k(
        'get',
        'pod',
        'talker',
        '-o',
        'jsonpath={.status.containerStatuses[0].lastState.terminated.exitCode}',
      ),
    ).toBe('3');
    cluster.k('delete', 'pod', 'talker', '--now');
  });

  it('runs commands with input, exit codes and files', () => {
    onTestFailed(() => void (failed = true));
    expect(
      cluster.kubectl(['exec', '-i', 'client', '--', 'cat'], { input: 'through stdin\n' }).stdout,
    ).toBe('through stdin\n');
    expect(cluster.kubectl(['exec', 'client', '--', 'sh', '-c', 'exit 7']).code).toBe(7);
    cluster.k('cp', '/etc/hostname', 'client:/tmp/copied');
    expect(cluster.k('exec', 'client', '--', 'wc', '-c', '/tmp/copied')).toMatch(/^\d+ /);
  });

  it('runs once and is removed with run --rm', () => {
    onTestFailed(() => void (failed = true));
    const done = cluster.kubectl(
      [
        'run',
        'once',
        '--rm',
        '-i',
        '--restart=Never',
        '--image=docker.io/library/busybox:test',
        '--',
        'cat',
      ],
      { input: 'one shot\n' },
    );
    expect(done.stdout).toContain('one shot');
    expect(cluster.kubectl(['get', 'pod', 'once']).stderr).toContain('not found');
  });

  it('is debugged with an ephemeral container', async () => {
    onTestFailed(() => void (failed = true));
    cluster.k(
      'debug',
      'client',
      '--image=docker.io/library/busybox:test',
      '-c',
      'dbg',
      '--',
      'sh',
      '-c',
      'echo from the debugger; sleep 30',
    );
    await until('the debugger speaks', () =>
      cluster.kubectl(['logs', 'client', '-c', 'dbg']).stdout.includes('from the debugger'),
    );
  });

  it('is described, explained and looked at', () => {
    onTestFailed(() => void (failed = true));
    expect(cluster.k('describe', 'pod', 'client')).toContain(
      'Successfully assigned default/client',
    );
    expect(cluster.k('explain', 'pod.spec.containers')).toContain('<[]Container>');
    expect(cluster.k('auth', 'can-i', 'create', 'pods').trim()).toBe('yes');
    expect(cluster.k('get', 'pods', '-A')).toMatch(/client\s+1\/1\s+Running/);
    expect(cluster.kubectl(['get', 'pods', '-o', 'wide']).stdout).toMatch(
      /10\.42\.\d+\.\d+\s+node1/,
    );
  });
});
