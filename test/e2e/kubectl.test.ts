import { spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { busybox } from './images.ts';
import { kubectlProgram, run, TestCluster, until } from './node.ts';
import { openPty } from './terminal.ts';

const cluster = new TestCluster();
let failed = false;
const kubectl = kubectlProgram();
beforeAll(async () => {
  await cluster.up({ images: [busybox()] });
  cluster.apply(`
apiVersion: v1
kind: Pod
metadata: {name: shell, labels: {app: shell}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {name: c, image: "docker.io/library/busybox:test", stdin: true, tty: true, command: [sh]}
  - {name: www, image: "docker.io/library/busybox:test", command: [sh, -c, "mkdir -p /www && echo from the pod > /www/index.html && exec httpd -f -p 127.0.0.1:8080 -h /www"]}
`);
  cluster.k('wait', '--for=condition=Ready', 'pod/shell', '--timeout=60s');
});
afterAll(() => cluster.down(failed));

/** Types into kubectl on a terminal and reads until `stop` is seen. */
async function onTerminal(args: string[], typed: string[], stop: RegExp): Promise<string> {
  const env = { ...process.env, KUBECONFIG: cluster.kubeconfig, TERM: 'xterm' } as Record<
    string,
    string
  >;
  const terminal = openPty([kubectl, ...args], { env, columns: 100, rows: 30 });
  let seen = '';
  terminal.onData((data) => void (seen += data.toString()));
  try {
    for (const text of typed) {
      const before = seen.length;
      terminal.write(text);
      await until('the terminal answers', () => seen.length > before + text.length, {
        timeoutMs: 60_000,
        seen: () => seen,
      });
    }
    await until(`the terminal shows ${String(stop)}`, () => stop.test(seen), {
      timeoutMs: 60_000,
      seen: () => seen,
    });
  } finally {
    terminal.kill();
  }
  return seen;
}

describe('a terminal', () => {
  it('runs a shell with exec -it, of the right size', async () => {
    onTestFailed(() => void (failed = true));
    const seen = await onTerminal(
      ['exec', '-it', 'shell', '-c', 'c', '--', 'sh'],
      ['\n', 'stty size; echo $((40+2))\n'],
      /30 100[\s\S]*42/,
    );
    expect(seen).toContain('42');
  });

  it('attaches to a running shell', async () => {
    onTestFailed(() => void (failed = true));
    await onTerminal(['attach', '-it', 'shell', '-c', 'c'], ['\n', 'echo $((50+5))\n'], /55/);
  });

  it('runs a pod that is gone afterwards with run -it --rm', async () => {
    onTestFailed(() => void (failed = true));
    await onTerminal(
      [
        'run',
        'brief',
        '-it',
        '--rm',
        '--restart=Never',
        '--image=docker.io/library/busybox:test',
        '--',
        'sh',
        '-c',
        'echo press; read x; echo got $x',
      ],
      ['hello\n'],
      /got hello[\s\S]*deleted/,
    );
    expect(cluster.kubectl(['get', 'pod', 'brief']).stderr).toContain('not found');
  });
});

describe('port-forward', () => {
  it('reaches a server that listens on the pod’s loopback only', async () => {
    onTestFailed(() => void (failed = true));
    const child = spawn(kubectl, ['port-forward', 'pod/shell', ':8080'], {
      env: { ...process.env, KUBECONFIG: cluster.kubeconfig },
    });
    let out = '';
    child.stdout.on('data', (d: Buffer) => (out += d.toString()));
    const port = await until('kubectl listens', () => /127\.0\.0\.1:(\d+) ->/.exec(out)?.[1]);
    for (let i = 0; i < 3; i++)
      expect(run(['curl', '-s', '-m', '5', `http://127.0.0.1:${port}/`]).stdout).toBe(
        'from the pod\n',
      );
    child.kill();
  });
});

describe('kubectl', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'skiff-kubectl-')), 'cm.yaml');
  const configMap = (value: string): string =>
    'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: ' +
    `${JSON.stringify(value)}}\n`;

  it('applies on the server, shows the difference, edits and labels', () => {
    onTestFailed(() => void (failed = true));
    writeFileSync(file, configMap('1'));
    expect(cluster.k('apply', '--server-side', '-f', file)).toContain('serverside-applied');
    writeFileSync(file, configMap('2'));
    const diff = cluster.kubectl(['diff', '--server-side', '-f', file]);
    expect([diff.code, diff.stdout]).toEqual([1, expect.stringContaining('+  a: "2"')]);
    const edited = cluster.kubectl(['edit', 'configmap', 'settings'], {
      env: { EDITOR: 'sed -i s/\\"1\\"/\\"3\\"/' },
    });
    expect(edited.stdout).toContain('edited');
    const conflict = cluster.kubectl(['apply', '--server-side', '-f', file]);
    expect(conflict.stderr).toContain('conflict with "kubectl-edit" using v1: .data.a');
    cluster.k('apply', '--server-side', '--force-conflicts', '-f', file);
    cluster.k('label', 'configmap', 'settings', 'tier=test');
    expect(
      cluster.k('get', 'configmap', '-l', 'tier=test', '-o', 'jsonpath={.items[0].data.a}'),
    ).toBe('2');
  });

  it('watches changes as they come', async () => {
    onTestFailed(() => void (failed = true));
    const child = spawn(
      kubectl,
      ['get', 'configmap', 'settings', '-w', '-o', 'jsonpath={.data.a}{"\\n"}'],
      { env: { ...process.env, KUBECONFIG: cluster.kubeconfig } },
    );
    let out = '';
    child.stdout.on('data', (d: Buffer) => (out += d.toString()));
    await until('the first state is shown', () => out.includes('2\n'));
    cluster.k(
      'patch',
      'configmap',
      'settings',
      '--type=json',
      '-p',
      '[{"op":"replace","path":"/data/a","value":"9"}]',
    );
    await until('the change is shown', () => out.endsWith('9\n'));
    child.kill();
  });

  it('follows a log', async () => {
    onTestFailed(() => void (failed = true));
    cluster.k(
      'run',
      'ticker',
      '--image=docker.io/library/busybox:test',
      '--restart=Never',
      '--',
      'sh',
      '-c',
      'i=0; while [ $i -lt 5 ]; do echo tick $i; i=$((i+1)); sleep 0.3; done',
    );
    cluster.k('wait', '--for=jsonpath={.status.phase}=Running', 'pod/ticker', '--timeout=90s');
    expect(cluster.k('logs', '-f', 'ticker')).toBe('tick 0\ntick 1\ntick 2\ntick 3\ntick 4\n');
    cluster.k('wait', '--for=jsonpath={.status.phase}=Succeeded', 'pod/ticker', '--timeout=90s');
  });
});

describe('a warning', () => {
  it('tells of what nobody here carries out', () => {
    onTestFailed(() => void (failed = true));
    const isDefault = 'ingressclass.kubernetes.io/is-default-class';
    cluster.k('annotate', 'ingressclass', 'skiff', `${isDefault}-`);
    const made = cluster.kubectl(['create', 'ingress', 'front', '--rule=/=web:80']);
    expect([made.code, made.stdout, made.stderr]).toEqual([
      0,
      'ingress.networking.k8s.io/front created\n',
      expect.stringMatching(/^Warning: nobody serves this Ingress: /),
    ]);
    cluster.k('annotate', 'ingressclass', 'skiff', `${isDefault}=true`);
    expect(cluster.kubectl(['create', 'ingress', 'back', '--rule=/=web:80']).stderr).toBe('');
    expect(cluster.kubectl(['create', 'service', 'nodeport', 'back', '--tcp=80']).stderr).toBe('');
  });
});

describe('bad input', () => {
  const bad = (yaml: string, ...args: string[]): { code: number; stderr: string } =>
    cluster.kubectl(['apply', '--validate=strict', ...args, '-f', '-'], { input: yaml });

  it('is refused in Kubernetes’ own words and leaves nothing behind', () => {
    onTestFailed(() => void (failed = true));
    expect(
      bad(
        'apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [{name: c, ' +
          'image: i, imagePolicy: Always}]}\n',
      ).stderr,
    ).toContain('unknown field "spec.containers[0].imagePolicy"');
    expect(
      bad('apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: []}\n').stderr,
    ).toContain('spec.containers: Required value');
    expect(
      bad('apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: nowhere}\n').stderr,
    ).toContain('namespaces "nowhere" not found');
    expect(
      bad('apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, labels: {a: "not a label"}}\n')
        .stderr,
    ).toContain('metadata.labels: Invalid value: "not a label"');
    const big = run(
      [
        'curl',
        '-sk',
        '-X',
        'POST',
        '-H',
        'Content-Type: application/json',
        '--data-binary',
        '@-',
        `https://${cluster.node.ip}:6443/api/v1/namespaces/default/configmaps`,
      ],
      { input: 'x'.repeat(4 * 1024 * 1024) },
    );
    expect(big.stdout).toMatch(/Unauthorized|RequestEntityTooLarge|Forbidden/);
    expect(cluster.kubectl(['get', 'pod', 'x']).stderr).toContain('pods "x" not found');
    expect(cluster.kubectl(['get', 'configmap', 'x']).stderr).toContain('configmaps "x" not found');
  });

  it('cannot change what is immutable', () => {
    onTestFailed(() => void (failed = true));
    const done = cluster.kubectl([
      'patch',
      'pod',
      'shell',
      '--type=merge',
      '-p',
      '{"spec":{"restartPolicy":"Never"}}',
    ]);
    expect(done.stderr).toContain('pod updates may not change fields other than');
  });
});
