import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { AgentMachine } from './agent-machine.ts';
import { root, run, TestCluster, until, type Result } from './node.ts';
import { openPty } from './terminal.ts';

const cluster = new TestCluster('server');
const one = new AgentMachine('one');
const skiff = process.env['SKIFF_TEST_BINARY'] ?? join(root, 'dist/skiff');
const work = mkdtempSync(join(tmpdir(), 'skiff-shell-'));
const auditLog = '/var/lib/skiff/audit.log';
let failed = false;

const policy = `
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata, verbs: [shell]}, {level: None}]
`;

beforeAll(async () => {
  mkdirSync(join(cluster.node.disk, 'var/lib/skiff'), { recursive: true });
  writeFileSync(join(cluster.node.disk, 'var/lib/skiff/policy.yaml'), policy);
  await cluster.up({ flags });
  await one.boot();
  await one.join(cluster);
  one.behindNat();
});
afterAll(() => {
  one.down(failed);
  cluster.down(failed);
  rmSync(work, { recursive: true });
});
const flags = [
  '--kube-apiserver-arg=audit-policy-file=/var/lib/skiff/policy.yaml',
  `--kube-apiserver-arg=audit-log-path=${auditLog}`,
];

/** skiff as the administrator, or as the user of another kubeconfig, on the test's own machine. */
const as =
  (kubeconfig: () => string) =>
  (args: string[], options: { input?: string } = {}): Result =>
    run([skiff, ...args], {
      input: '',
      timeoutMs: 30_000,
      ...options,
      env: { KUBECONFIG: kubeconfig() },
    });
const admin = as(() => cluster.kubeconfig);

/** A kubeconfig of a service account that may do these things. */
function userWith(name: string, rules: string): string {
  cluster.apply(`
apiVersion: v1
kind: ServiceAccount
metadata: {name: ${name}, namespace: default}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: ${name}}
rules: ${rules}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: ${name}}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: ${name}}
subjects: [{kind: ServiceAccount, name: ${name}, namespace: default}]
`);
  const file = join(work, name);
  const text = readFileSync(cluster.kubeconfig, 'utf8');
  const token = cluster.k('create', 'token', name).trim();
  writeFileSync(
    file,
    `${text.slice(0, text.indexOf('    client-certificate-data'))}    token: ${token}\n`,
  );
  return file;
}

const processes = (pattern: string): string =>
  one.node.exec(['pgrep', '-f', '-a', pattern]).stdout.trim();

describe('skiff shell', () => {
  it('runs a command as root on a node behind NAT, with its output and its status', () => {
    onTestFailed(() => void (failed = true));
    const done = admin(['shell', 'one', '--', 'sh', '-c', 'hostname; id -u; echo no >&2; exit 3']);
    expect(done).toEqual({ code: 3, stdout: 'one\n0\n', stderr: 'no\n' });
    expect(admin(['shell', 'server', '--', 'hostname']).stdout).toBe('server\n');
    expect(admin(['shell', 'one', '--', 'sh', '-c', 'kill -9 $$']).code).toBe(137);
    expect(admin(['shell', 'one', '--', 'no-such-program'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^skiff: cannot run no-such-program: .*ENOENT\n$/),
    });
    expect(admin(['shell', 'nobody', '--', 'id']).stderr).toBe('skiff: nodes "nobody" not found\n');
  });

  it('passes input on, all of it, and tells its end', () => {
    onTestFailed(() => void (failed = true));
    const input = 'line of text\n'.repeat(300_000);
    const done = admin(['shell', 'one', '--', 'wc', '-c'], { input });
    expect([done.stdout.trim(), done.stderr]).toEqual([String(input.length), '']);
    expect(admin(['shell', 'one'], { input: 'echo $HOME; exit 4\n' })).toMatchObject({
      code: 4,
      stdout: expect.stringMatching(/\/root\n$/),
    });
  });

  it('tells the program nothing of what the agent was told', () => {
    onTestFailed(() => void (failed = true));
    const env = admin(['shell', 'one', '--', 'env']).stdout;
    expect(env).not.toMatch(/SKIFF|TOKEN/);
    expect(env).toContain('USER=root\n');
  });

  it('is a terminal of the size that the client has, as it changes', async () => {
    onTestFailed(() => void (failed = true));
    const terminal = openPty([skiff, 'shell', 'one'], {
      columns: 100,
      rows: 40,
      env: { ...(process.env as Record<string, string>), KUBECONFIG: cluster.kubeconfig },
    });
    let seen = '';
    let code: number | undefined;
    terminal.onData((data) => (seen += data.toString()));
    terminal.onExit((status) => (code = status.code));
    const shows = (pattern: RegExp): Promise<unknown> =>
      until(`it shows ${pattern}`, () => pattern.test(seen), {
        timeoutMs: 15_000,
        seen: () => JSON.stringify(seen),
      });
    await shows(/[#$] ?$/);
    terminal.write('stty size; tty; echo $TERM; sleep 3333 &\n');
    await shows(/\r40 100\r\n\/dev\/pts\/\d+\r\nxterm-256color\r\n/);
    terminal.resize(120, 30);
    await until('the size is another', () => {
      terminal.write('stty size\n');
      return /\r30 120\r\n/.test(seen);
    });
    expect(processes('sleep 3333')).not.toBe('');
    terminal.write('exit 7\n');
    await until('it ends', () => code !== undefined);
    expect(code).toBe(7);
    await until('nothing of it is left', () => processes('sleep 3333') === '');
  });

  it('ends with its client, and so does all that it started, willing or not', async () => {
    onTestFailed(() => void (failed = true));
    const script =
      "trap '' HUP TERM; sh -c 'sleep 4242 & sleep 4243' & echo stands; cat; sleep 4244";
    const client = spawn(skiff, ['shell', 'one', '--', 'sh', '-c', script], {
      env: { ...process.env, KUBECONFIG: cluster.kubeconfig },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let out = '';
    client.stdout.on('data', (data: Buffer) => (out += data.toString()));
    await until('it stands', () => out === 'stands\n');
    expect(processes('^sleep 424[23]').split('\n')).toHaveLength(2);
    client.kill('SIGKILL');
    await until('nothing of it is left', () => processes('sleep 424') === '', {
      timeoutMs: 15_000,
      seen: () => processes('sleep 424'),
    });
  });

  it('is for those alone who have its verb', () => {
    onTestFailed(() => void (failed = true));
    const usual = '[get, list, watch, create, update, patch, delete, deletecollection]';
    const without = userWith(
      'without',
      `[{apiGroups: ["*"], resources: ["*"], verbs: ${usual}}, ` +
        `{apiGroups: [""], resources: [nodes, "nodes/*", nodes/proxy], verbs: ${usual}}]`,
    );
    const refused = as(() => without)(['shell', 'one', '--', 'id']);
    expect([refused.code, refused.stdout]).toEqual([1, '']);
    expect(refused.stderr).toMatch(
      /^skiff: nodes "one" is forbidden: User "\S+:default:without" cannot shell /,
    );
    expect(as(() => without)(['cp', 'one:/etc/hostname', work]).stderr).toMatch(/cannot shell/);
    // The proxy to the kubelet has the server's own rights; a shell needs a name.
    const proxied = run([
      'curl',
      '-sk',
      '--max-time',
      '10',
      '-H',
      `Authorization: Bearer ${/token: (\S+)/.exec(readFileSync(without, 'utf8'))?.[1]}`,
      ...['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'].flatMap((h) => [
        '-H',
        h,
      ]),
      ...['-H', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', '-H', 'X-Remote-User: admin'],
      '--http1.1',
      `${cluster.url}/api/v1/nodes/one/proxy/shell?command=id`,
    ]);
    expect(proxied.stdout).toContain('nodes/NAME/shell');
    const with_ = userWith(
      'with',
      '[{apiGroups: [""], resources: [nodes/shell], verbs: [shell], resourceNames: [one]}]',
    );
    expect(as(() => with_)(['shell', 'one', '--', 'id', '-u']).stdout).toBe('0\n');
    expect(as(() => with_)(['shell', 'server', '--', 'id', '-u']).code).toBe(1);
    expect(
      cluster
        .kubectl(['auth', 'can-i', 'shell', 'nodes/one', '--subresource=shell', '--as=nobody'])
        .stdout.trim(),
    ).toBe('no');
  });

  it('is written down by the server and by the node, with who it was', () => {
    onTestFailed(() => void (failed = true));
    const events = readFileSync(join(cluster.node.disk, auditLog), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as AuditEvent);
    const who = 'system:serviceaccount:default:with';
    expect(
      events.filter(({ user }) => user.username === who).map((e) => [e.verb, e.objectRef?.name]),
    ).toContainEqual(['shell', 'one']);
    expect(
      events.find(({ user }) => user.username.endsWith(':without'))?.responseStatus?.code,
    ).toBe(403);
    expect(one.log()).toMatch(new RegExp(`a shell is opened.*${who}`));
  });
});

interface AuditEvent {
  verb: string;
  user: { username: string };
  objectRef?: { name?: string };
  responseStatus?: { code?: number };
}

describe('skiff cp', () => {
  const sum = (file: string): string =>
    createHash('sha256').update(readFileSync(file)).digest('hex');

  it('brings files and folders from a node, and to it', () => {
    onTestFailed(() => void (failed = true));
    const make =
      'mkdir -p /run/d/e; head -c 30000000 /dev/urandom > /run/d/big; ' +
      'echo x > "/run/d/e/a b"; ' +
      'ln -s big /run/d/link; sha256sum /run/d/big';
    const made = admin(['shell', 'one', '--', 'sh', '-c', make]).stdout.split(' ')[0];
    expect(admin(['cp', 'one:/run/d', work])).toMatchObject({ code: 0, stderr: '' });
    expect(readdirSync(join(work, 'd')).toSorted()).toEqual(['big', 'e', 'link']);
    expect(sum(join(work, 'd/big'))).toBe(made);
    expect(readFileSync(join(work, 'd/e/a b'), 'utf8')).toBe('x\n');
    // Again: a folder is not mixed with another.
    expect(admin(['cp', 'one:/run/d', work]).stderr).toMatch(/is there already/);
    expect(admin(['cp', 'one:../run/d/e/a b', join(work, 'other')]).code).toBe(0);
    expect(admin(['cp', 'one:/run/d/e/a b', join(work, 'other')]).code).toBe(0);
    expect(readFileSync(join(work, 'other'), 'utf8')).toBe('x\n');

    expect(admin(['cp', join(work, 'd'), 'one:/run/back'])).toMatchObject({ code: 0, stderr: '' });
    expect(admin(['cp', join(work, 'other'), 'one:/run/back'])).toMatchObject({ code: 0 });
    const seen = admin(['shell', 'one', '--', 'sh', '-c', 'cd /run/back; ls; sha256sum big']);
    expect(seen.stdout).toBe(`big\ne\nlink\nother\n${made}  big\n`);
    expect(readdirSync(work).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('leaves nothing when it does not work, and says why', () => {
    onTestFailed(() => void (failed = true));
    const before = readdirSync(work);
    expect(admin(['cp', 'one:/no/such', work])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^skiff: one: .*\/no/),
    });
    expect(admin(['cp', 'one:/', work]).stderr).toMatch(/has no name/);
    expect(admin(['cp', 'a', 'b']).stderr).toMatch(/NODE:PATH/);
    expect(readdirSync(work)).toEqual(before);
  });
});

describe('--disable-shell', () => {
  it('on an agent: nobody gets a shell there', async () => {
    onTestFailed(() => void (failed = true));
    one.kill('TERM');
    await until('the agent ends', () => !one.running);
    one.start(['--server', cluster.url, '--token', cluster.token(), '--disable-shell']);
    await until('the agent refuses', () =>
      /skiff: shells are switched off on this node/.test(
        admin(['shell', 'one', '--', 'id']).stderr,
      ),
    );
    expect(admin(['shell', 'server', '--', 'id', '-u']).stdout).toBe('0\n');
  });

  it('on a server: nobody gets one through it', async () => {
    onTestFailed(() => void (failed = true));
    await cluster.stopServer();
    cluster.startServer([...flags, '--disable-shell']);
    await cluster.answers();
    expect(admin(['shell', 'server', '--', 'id']).stderr).toMatch(
      /shells are switched off on this server/,
    );
  });
});
