import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { AgentMachine } from './agent-machine.ts';
import { busybox } from './images.ts';
import { kubectlProgram, ok, root, run, runBeside, TestCluster, until } from './node.ts';
import { buildWrongClock, setWrongClock, wrongClockEnv } from './wrong-clock.ts';

const cluster = new TestCluster('server');
const [one, two] = [new AgentMachine('one'), new AgentMachine('two')];
const folder = mkdtempSync(join(tmpdir(), 'certificates-'));
let failed = false;
const skiff = (...words: string[]): ReturnType<typeof run> =>
  cluster.node.exec([join(root, 'dist/skiff'), ...words]);
const token = (): string =>
  readFileSync(join(cluster.node.disk, 'var/lib/skiff/server/token'), 'utf8').trim();
const url = (): string => `https://${cluster.node.ip}:6443`;

beforeAll(async () => {
  await cluster.up({ images: [busybox()] });
  await one.boot([busybox()]);
  await two.boot();
}, 300_000);
afterAll(() => {
  for (const machine of [one, two]) machine.down(failed);
  cluster.down(failed);
  rmSync(folder, { recursive: true });
});

const readyNode = (name: string, timeoutMs = 60_000): Promise<unknown> =>
  until(`node ${name} is Ready`, () => cluster.nodeIsReady(name), {
    timeoutMs,
    seen: () => `\n${one.log().slice(-2000)}\n${two.log().slice(-2000)}`,
  });
const pod = (name: string, node: string): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  nodeName: ${node}
  containers:
  - {name: c, image: docker.io/library/busybox:test, command: [sleep, "100000"]}
`;
const container = (name: string): string =>
  cluster.k('get', 'pod', name, '-o', 'jsonpath={.status.containerStatuses[0].containerID}');
const pid = (): string => cluster.node.exec(['cat', '/run/skiff-server.pid']).stdout.trim();

/** What a port shows to whoever comes. */
function shown(port: number, host = cluster.node.ip): Promise<X509Certificate> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, rejectUnauthorized: false }, () => {
      resolve(new X509Certificate(socket.getPeerCertificate().raw));
      socket.destroy();
    });
    socket.on('error', reject);
  });
}
/** kubectl with a kubeconfig of before. */
const with_ = (kubeconfig: string): number =>
  run([kubectlProgram(), 'get', 'nodes'], { env: { KUBECONFIG: kubeconfig } }).code;
const restart = async (env: Record<string, string> = {}): Promise<void> => {
  await cluster.stopServer();
  const starts = (): number => cluster.log().split('skiff server ready').length;
  const before = starts();
  cluster.startServer(undefined, env);
  // Its kubeconfig may be another one by then.
  await until('the server is ready', () => starts() > before, {
    seen: () => cluster.log().slice(-2000),
  });
  await cluster.answers();
};

describe('certificates', () => {
  it('are issued again under load, without a restart or a failed call', async () => {
    onTestFailed(() => void (failed = true));
    one.start(['--server', url(), '--token', token()]);
    await readyNode('one');
    cluster.apply(pod('on-one', 'one') + '---' + pod('on-server', 'server'));
    cluster.k('wait', '--for=condition=Ready', 'pod/on-one', 'pod/on-server', '--timeout=90s');
    const [api, kubelet, process] = [await shown(6443), await shown(10250), pid()];
    let ended = false;
    let calls = 0;
    const faults: string[] = [];
    const load = (async () => {
      while (!ended) {
        const seen = ['env', `KUBECONFIG=${cluster.kubeconfig}`];
        const done = await runBeside([...seen, kubectlProgram(), 'get', 'pods']);
        calls++;
        if (done.code !== 0) faults.push(done.stderr);
      }
    })();
    for (let time = 0; time < 3; time++) {
      const rotated = await runBeside([
        ...['nsenter', '-t', String(cluster.node.pid), '-a', '--'],
        ...[join(root, 'dist/skiff'), 'certificate', 'rotate'],
      ]);
      expect(rotated.stderr).toBe('');
      expect(rotated.stdout).toContain('is in force');
    }
    ended = true;
    await load;
    expect(faults).toEqual([]);
    expect(calls).toBeGreaterThan(3);
    expect((await shown(6443)).serialNumber).not.toBe(api.serialNumber);
    expect((await shown(10250)).serialNumber).not.toBe(kubelet.serialNumber);
    expect(pid()).toBe(process);
    expect(cluster.k('logs', 'on-one')).toBe('');
    expect(cluster.k('exec', 'on-server', '--', 'echo', 'here')).toBe('here\n');
    expect(skiff('certificate', 'check').stdout).not.toMatch(/EXPIRED|DAMAGED|WARNING/);
  });

  it('are of other authorities after a change, and nobody has to be told', async () => {
    onTestFailed(() => void (failed = true));
    const [joined, before] = [token(), join(folder, 'before.yaml')];
    ok(['cp', cluster.kubeconfig, before]);
    const containers = [container('on-one'), container('on-server')];
    const issuer = (await shown(6443)).issuer;
    const changed = skiff('certificate', 'rotate-ca');
    expect(changed.stderr).toBe('');
    expect(changed.stdout).toMatch(/server-ca\.crt\n.*restart every server/s);
    await restart();
    expect((await shown(6443)).issuer).not.toBe(issuer);
    await readyNode('server');
    await readyNode('one');
    cluster.useAddress(cluster.address);
    expect(with_(cluster.kubeconfig)).toBe(0);
    expect(with_(before)).toBe(0);
    expect(readFileSync(cluster.kubeconfig, 'utf8')).not.toBe(readFileSync(before, 'utf8'));
    expect([container('on-one'), container('on-server')]).toEqual(containers);
    expect(cluster.k('exec', 'on-one', '--', 'echo', 'here')).toBe('here\n');
    const known = cluster.k('get', 'cm', 'kube-root-ca.crt', '-o', 'jsonpath={.data.ca\\.crt}');
    expect(known.match(/BEGIN/g)?.length).toBe(3);
    // The token names the new authority; the old one lets machines join as before.
    expect(token()).not.toBe(joined);
    two.start(['--server', url(), '--token', joined]);
    await readyNode('two');
    // One that starts again knows the new authorities.
    one.kill('TERM');
    await until('the agent has ended', () => !one.running);
    one.start();
    const kept = (): string =>
      readFileSync(join(one.node.disk, 'var/lib/skiff/agent/cluster.json'), 'utf8');
    await until('the agent keeps the new authorities', () => kept().match(/BEGIN/g)?.length === 6, {
      seen: () => one.log().slice(-2000),
    });
    await readyNode('one');
    expect(container('on-one')).toBe(containers[0]);
  });

  it("are of an operator's own authority", async () => {
    onTestFailed(() => void (failed = true));
    const make = (name: string): void => {
      const subject = `/CN=factory-${name}`;
      const words = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
      const out = ['-keyout', join(folder, `${name}.key`), '-out', join(folder, `${name}.crt`)];
      ok(['openssl', 'req', '-x509', ...words, ...out, '-days', '3650', '-subj', subject]);
    };
    for (const name of ['server-ca', 'client-ca']) make(name);
    ok(['cp', join(folder, 'client-ca.key'), join(folder, 'request-header-ca.key')]);
    ok(['cp', join(folder, 'server-ca.crt'), join(folder, 'request-header-ca.crt')]);
    const wrong = skiff('certificate', 'rotate-ca', '--path', folder);
    expect(wrong.stderr).toMatch(/request-header-ca\.key is not the key of .*nothing was changed/);
    for (const end of ['key', 'crt']) rmSync(join(folder, `request-header-ca.${end}`));
    const before = join(folder, 'before.yaml');
    expect(skiff('certificate', 'rotate-ca', '--path', folder).stderr).toBe('');
    await restart();
    expect((await shown(6443)).issuer).toBe('CN=factory-server-ca');
    expect(with_(before)).toBe(0);
    await readyNode('one');
    await readyNode('two');
  });

  it('that ended while the machines slept come again at the next start', async () => {
    onTestFailed(() => void (failed = true));
    const library = buildWrongClock(folder);
    const file = '/var/lib/skiff/clock-of-the-test';
    const sleptSeconds = 2 * 365 * 24 * 3600;
    for (const node of [cluster.node, one.node]) setWrongClock(join(node.disk, file), sleptSeconds);
    one.kill('TERM');
    await until('the agent has ended', () => !one.running);
    await restart(wrongClockEnv(library, file));
    one.start(undefined, wrongClockEnv(library, file));
    await readyNode('one', 90_000);
    const ends = Date.parse((await shown(6443)).validTo);
    expect(ends).toBeGreaterThan(Date.now() + sleptSeconds * 1000);
    // By kubectl's clock the certificates are not valid yet, if they began when they were issued.
    cluster.useAddress(cluster.address);
    expect(with_(cluster.kubeconfig)).toBe(0);
  });
});

describe('the token', () => {
  it('is changed: nodes stay, and the old one lets nobody in', async () => {
    onTestFailed(() => void (failed = true));
    const before = token();
    const asks = (shownToken: string): string => {
      const password = shownToken.split('::server:')[1] ?? '';
      const user = ['-u', `node:${password}`, '-o', '/dev/null', '-w', '%{http_code}'];
      return run(['curl', '-sk', ...user, `${url()}/v1-skiff/config`]).stdout;
    };
    expect(asks(before)).toBe('200');
    expect(skiff('token', 'rotate').stdout).toContain('token rotated');
    expect(token()).not.toBe(before);
    expect([asks(before), asks(token())]).toEqual(['401', '200']);
    await readyNode('one');
    await restart();
    expect([asks(before), asks(token())]).toEqual(['401', '200']);
    await readyNode('one');
  });
});
