import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { AgentMachine } from './agent-machine.ts';
import { busybox } from './images.ts';
import { ok, root, run, TestCluster, until, type Result } from './node.ts';

const binary = process.env['SKIFF_TEST_BINARY'] ?? join(root, 'dist/skiff');
const passphrase = 'four words nobody guesses';
const before = new TestCluster('first');
const after = new TestCluster('second');
const helper = new AgentMachine('helper');
/** On the first machine's disk, which outlives the machine. */
const file = join(before.node.disk, 'stick/capsule');
const secret = join(before.node.disk, 'passphrase');
let failed = false;

const capsule = (of: TestCluster, ...args: string[]): Result =>
  of.node.exec([binary, 'capsule', ...args, '--passphrase-file', secret], { timeoutMs: 120_000 });
const restarts = (of: TestCluster, pod: string): string =>
  of.k(
    'get',
    'pod',
    pod,
    '-o',
    'jsonpath={.status.containerStatuses[0].containerID} ' +
      '{.status.containerStatuses[0].restartCount}',
  );

const objects = `
apiVersion: v1
kind: ConfigMap
metadata: { name: kept }
data: { of: the first machine }
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: disk }
spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 10Mi } } }
---
apiVersion: v1
kind: Pod
metadata: { name: writer }
spec:
  nodeSelector: { kubernetes.io/hostname: first }
  terminationGracePeriodSeconds: 0
  volumes: [{ name: disk, persistentVolumeClaim: { claimName: disk } }]
  containers:
    - name: c
      image: docker.io/library/busybox:test
      command: [sh, -c, 'date >> /disk/starts; sleep 100000']
      volumeMounts: [{ name: disk, mountPath: /disk }]
---
apiVersion: v1
kind: Pod
metadata: { name: elsewhere }
spec:
  nodeName: helper
  terminationGracePeriodSeconds: 0
  containers: [{ name: c, image: 'docker.io/library/busybox:test', command: [sleep, '100000'] }]
`;

beforeAll(async () => {
  writeFileSync(secret, `${passphrase}\n`, { mode: 0o600 });
  await before.up({ images: [busybox()], flags: ['--cluster-domain', 'factory.local'] });
  await helper.boot([busybox()]);
  await helper.join(before);
  before.apply(objects);
  before.k('wait', '--for=condition=Ready', 'pod', '--all', '--timeout=120s');
}, 240_000);
afterAll(() => {
  run(['ip', 'route', 'del', `${before.node.ip}/32`]);
  helper.down(failed);
  for (const one of [before, after]) one.down(failed);
});

describe('a capsule', () => {
  let uid = '';
  let container = '';

  it('holds a running server in one file that says nothing', () => {
    onTestFailed(() => void (failed = true));
    uid = before.k('get', 'ns', 'kube-system', '-o', 'jsonpath={.metadata.uid}');
    container = restarts(before, 'elsewhere');
    mkdirSync(join(before.node.disk, 'stick'));
    const saved = capsule(before, 'save', file, '--volumes');
    expect([saved.code, saved.stderr]).toEqual([0, '']);
    expect(saved.stdout).toMatch(/the server of node first/);
    expect(readdirSync(join(before.node.disk, 'stick'))).toEqual(['capsule']);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const bytes = readFileSync(file).toString('latin1');
    for (const word of ['BEGIN', 'first', 'factory.local']) expect(bytes).not.toContain(word);
    expect(capsule(before, 'save', file).stderr).toMatch(/exists already/);
    expect(existsSync(join(before.node.disk, 'var/lib/skiff/server/capsule.saving'))).toBe(false);
  });

  it('is refused with a wrong passphrase, when damaged, and where a server is', async () => {
    onTestFailed(() => void (failed = true));
    await after.launch({ images: [busybox()], start: false });
    const data = join(after.node.disk, 'var/lib/skiff');
    const wrong = join(before.node.disk, 'wrong');
    writeFileSync(wrong, 'another passphrase\n');
    const load = (path: string, words = secret): Result =>
      after.node.exec([binary, 'capsule', 'load', path, '--passphrase-file', words]);
    expect(load(file, wrong).stderr).toMatch(/sealed for another passphrase/);
    const damaged = join(before.node.disk, 'damaged');
    const bytes = readFileSync(file);
    bytes[bytes.length - 1000] = (bytes[bytes.length - 1000] ?? 0) ^ 1;
    writeFileSync(damaged, bytes);
    expect(load(damaged).stderr).toMatch(/is damaged.*nothing was changed/);
    expect(existsSync(join(data, 'server')) || existsSync(join(data, 'storage'))).toBe(false);
    expect(capsule(before, 'load', file).stderr).toMatch(/there is a server in .* already/);
  });

  it('makes another machine that server: agents come back by themselves', async () => {
    onTestFailed(() => void (failed = true));
    before.node.powerCut();
    const loaded = capsule(after, 'load', file);
    expect([loaded.code, loaded.stderr]).toEqual([0, '']);
    expect(loaded.stdout).toContain('it was started with: server --cluster-domain factory.local');
    expect(loaded.stdout).toContain(`its address was ${before.node.ip}`);
    // The new machine takes over the address that agents know.
    after.node.exec(['ip', 'addr', 'add', `${before.node.ip}/32`, 'dev', 'eth0']);
    ok(['ip', 'route', 'replace', `${before.node.ip}/32`, 'via', after.node.ip]);
    after.startServer(['--cluster-domain', 'factory.local', '--tls-san', before.node.ip]);
    await after.answers();
    // Who had access has it still.
    writeFileSync(
      after.kubeconfig,
      readFileSync(before.kubeconfig, 'utf8').replaceAll(before.node.ip, after.node.ip),
    );
    expect(after.k('get', 'ns', 'kube-system', '-o', 'jsonpath={.metadata.uid}')).toBe(uid);
    expect(after.k('get', 'cm', 'kept', '-o', 'jsonpath={.data.of}')).toBe('the first machine');
    await until('both nodes are Ready', () =>
      ['first', 'helper'].every((name) => after.nodeIsReady(name)),
    );
    expect(restarts(after, 'elsewhere')).toBe(container);
    const starts = (): number =>
      after.kubectl(['exec', 'writer', '--', 'cat', '/disk/starts']).stdout.trim().split('\n')
        .length;
    await until('the pod of the first machine runs on with its disk', () => starts() === 2, {
      timeoutMs: 60_000,
    });
    await until(
      'the way to the agent stands',
      () => after.kubectl(['exec', 'elsewhere', '--', 'true']).code === 0,
    );
    expect(capsule(after, 'load', file).stderr).toMatch(/there is a server in .* already/);
  }, 180_000);
});

describe('a capsule of a server with an etcd', () => {
  const old = new TestCluster('old');
  const fresh = new TestCluster('fresh');
  afterAll(() => {
    for (const one of [old, fresh]) one.down(failed);
  });

  it('goes to another machine by a key, and is an etcd of its own there', async () => {
    onTestFailed(() => void (failed = true));
    const sealed = join(old.node.disk, 'capsule');
    await old.launch({ flags: ['--cluster-init', '--disable-agent', '--secrets-encryption'] });
    await old.answers();
    old.k('create', 'secret', 'generic', 'kept', '--from-literal=of=the old machine');
    const { identity, recipient } = await keyPair();
    const key = join(old.node.disk, 'key');
    writeFileSync(key, `# created: today\n${identity}\n`, { mode: 0o600 });
    const skiff = (of: TestCluster, ...args: string[]): Result =>
      of.node.exec([binary, 'capsule', ...args], { timeoutMs: 120_000 });
    const saved = skiff(old, 'save', sealed, '--recipient', recipient);
    expect([saved.code, saved.stderr]).toEqual([0, '']);
    old.node.powerCut();
    await fresh.launch({ start: false });
    const loaded = skiff(fresh, 'load', sealed, '--identity', key);
    expect([loaded.code, loaded.stderr]).toEqual([0, '']);
    fresh.startServer(['--cluster-init', '--disable-agent', '--secrets-encryption']);
    await fresh.answers();
    expect(
      Buffer.from(
        fresh.k('get', 'secret', 'kept', '-o', 'jsonpath={.data.of}'),
        'base64',
      ).toString(),
    ).toBe('the old machine');
    expect(existsSync(join(fresh.node.disk, 'var/lib/skiff/server/db/etcd/member'))).toBe(true);
    fresh.k('create', 'configmap', 'written');
  }, 180_000);
});

async function keyPair(): Promise<{ identity: string; recipient: string }> {
  const identity = await generateIdentity();
  return { identity, recipient: await identityToRecipient(identity) };
}
