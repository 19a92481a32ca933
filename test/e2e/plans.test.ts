import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { inside, install, overlays } from './installed.ts';
import { TestNode, until } from './node.ts';

const server = new TestNode('ship');
const agent = new TestNode('boat');
let failed = false;
/** `SKIFF_SEED` for other moments. */
let seed = Number(process.env['SKIFF_SEED'] ?? 1);

const kubectl = (args: string): string => inside(server, `skiff kubectl ${args}`).stdout;
const apply = (yaml: string): void => {
  const done = server.exec(['skiff', 'kubectl', 'apply', '-f', '-'], { input: yaml });
  if (done.code !== 0) throw new Error(done.stderr);
};
const runs = (node: string): string =>
  kubectl(`get node ${node} -o jsonpath={.status.nodeInfo.kubeletVersion}`)
    .split('.')
    .slice(-1)[0] ?? '';
const condition = (plan: string, type: string): string =>
  kubectl(
    `-n system-upgrade get plan ${plan} -o ` +
      `'jsonpath={.status.conditions[?(@.type=="${type}")].status} ` +
      `{.status.conditions[?(@.type=="${type}")].reason} ` +
      `{.status.conditions[?(@.type=="${type}")].message}'`,
  );
const containerOf = (pod: string): string =>
  kubectl(`get pod ${pod} -o jsonpath={.status.containerStatuses[0].containerID}`);

const plan = (name: string, version: string, more: string): string => `
apiVersion: upgrade.cattle.io/v1
kind: Plan
metadata: {name: ${name}, namespace: system-upgrade}
spec:
  version: ${version}
  concurrency: 2
  serviceAccountName: system-upgrade
${more}`;

beforeAll(async () => {
  await install(server, 'server');
  const token = readFileSync(join(server.disk, 'own/lib/skiff/server/agent-token'), 'utf8').trim();
  await install(agent, `agent --server https://${server.ip}:6443 --token ${token}`);
  const pod = (name: string, node: string): string => `
---
apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {app: ${name}}}
spec:
  nodeName: ${node}
  terminationGracePeriodSeconds: 0
  containers:
  - {name: c, image: docker.io/library/busybox:test, command: [sleep, "100000"]}`;
  await until('the account is there', () => kubectl('get sa default') !== '');
  apply(`
apiVersion: v1
kind: Namespace
metadata: {name: system-upgrade}
${pod('here', 'ship')}${pod('stays', 'boat')}${pod('moves', 'boat')}`);
  kubectl('wait --for=condition=Ready pod/here pod/stays pod/moves --timeout=120s');
}, 600_000);
afterAll(() => {
  agent.destroy({ keepLogs: failed });
  server.destroy({ keepLogs: failed });
});

describe('Plans of system-upgrade-controller', () => {
  it('upgrade servers, then agents that wait for them, and no pod that stays notices', async () => {
    onTestFailed(() => void (failed = true));
    const before = [containerOf('here'), containerOf('stays')];
    expect(before.every((id) => id.startsWith('containerd://'))).toBe(true);
    // As the examples for k3s have them.
    apply(
      plan(
        'agents',
        'v0.1.1',
        `  nodeSelector:
    matchExpressions: [{key: node-role.kubernetes.io/control-plane, operator: DoesNotExist}]
  prepare: {image: rancher/k3s-upgrade, args: [prepare, servers]}
  drain: {force: true, podSelector: {matchLabels: {app: moves}}}
  postCompleteLabels: {"example.com/version": "$(LATEST_VERSION)"}
  upgrade: {image: rancher/k3s-upgrade}
`,
      ),
    );
    await until('the agents wait', () =>
      kubectl('-n system-upgrade get plan agents -o jsonpath={.status.applying}').includes('boat'),
    );
    apply(
      plan(
        'servers',
        'v0.1.1',
        `  nodeSelector:
    matchExpressions: [{key: node-role.kubernetes.io/control-plane, operator: Exists}]
  cordon: true
  upgrade: {image: rancher/k3s-upgrade}
`,
      ),
    );
    await until(
      'both are complete',
      () => {
        const [ship, boat] = [runs('ship'), runs('boat')];
        // Never an agent before its servers.
        if (ship !== '' && boat === '1') expect(ship).toBe('1');
        return (
          condition('agents', 'Complete').startsWith('True') &&
          condition('servers', 'Complete').startsWith('True')
        );
      },
      { timeoutMs: 240_000, seen: () => kubectl('-n system-upgrade get plan -o yaml') },
    );
    expect([runs('ship'), runs('boat')]).toEqual(['1', '1']);
    const status = (name: string, path: string): string =>
      kubectl(`-n system-upgrade get plan ${name} -o jsonpath={.status.${path}}`);
    for (const [name, node] of [
      ['servers', 'ship'],
      ['agents', 'boat'],
    ] as const) {
      const labels = JSON.parse(kubectl(`get node ${node} -o jsonpath={.metadata.labels}`));
      expect(labels[`plan.upgrade.cattle.io/${name}`]).toBe(status(name, 'latestHash'));
      expect([status(name, 'latestVersion'), status(name, 'applying')]).toEqual(['v0.1.1', '']);
      const node_ = JSON.parse(kubectl(`get node ${node} -o json`));
      expect(node_.spec.unschedulable).toBeUndefined();
      expect(JSON.stringify(node_.metadata.annotations)).not.toContain('upgrade.skiff/');
      if (node === 'boat') expect(labels['example.com/version']).toBe('v0.1.1');
    }
    expect([containerOf('here'), containerOf('stays')]).toEqual(before);
    expect(kubectl('get pod moves --ignore-not-found')).toBe('');
  });

  it('stop at a version that a node takes back, and the old one runs on', async () => {
    onTestFailed(() => void (failed = true));
    const before = containerOf('stays');
    kubectl(
      `-n system-upgrade patch plan agents --type merge -p ` +
        `'{"spec":{"version":"v0.1.2","prepare":null,"drain":null}}'`,
    );
    await until(
      'the plan has failed',
      () => condition('agents', 'Complete').startsWith('False JobFailed'),
      { timeoutMs: 120_000, seen: () => kubectl('-n system-upgrade get plan -o yaml') },
    );
    expect(condition('agents', 'Complete')).toMatch(/Job failed on Node boat: taken back: .*start/);
    await until('the node is Ready', () => inside(agent, 'skiff wait-ready -- agent').code === 0);
    expect([runs('boat'), containerOf('stays')]).toEqual(['1', before]);
  });

  it.each([
    ['server', server, '3'],
    ['agent', agent, '4'],
  ])(
    'go on when the power of the %s goes in between',
    { timeout: 600_000 },
    async (_what, node, last) => {
      onTestFailed(() => void (failed = true));
      for (const name of ['servers', 'agents'])
        kubectl(
          `-n system-upgrade patch plan ${name} --type merge -p ` +
            `'{"spec":{"version":"v0.1.${last}"}}'`,
        );
      seed = (seed * 1103515245 + 12345) % 2147483648;
      await new Promise((resolve) => setTimeout(resolve, seed % 12_000));
      node.powerCut();
      await node.boot();
      expect(inside(node, overlays).stderr).toBe('');
      node.start(['sh', '/var/lib/skiff/skiff-supervise.sh'], 'server.log');
      const complete = (name: string): boolean =>
        condition(name, 'Complete').startsWith('True') &&
        kubectl(`-n system-upgrade get plan ${name} -o jsonpath={.status.latestVersion}`) ===
          `v0.1.${last}`;
      await until(
        `both are complete after a cut ${seed % 12_000} ms after the change`,
        () => complete('servers') && complete('agents'),
        {
          timeoutMs: 300_000,
          seen: () =>
            kubectl('-n system-upgrade get plan -o yaml') +
            inside(node, 'tail -n 40 /var/log/skiff.log').stdout,
        },
      );
      expect([runs('ship'), runs('boat')]).toEqual([last, last]);
    },
  );

  it('say what they cannot do', async () => {
    onTestFailed(() => void (failed = true));
    apply(plan('kernel', 'v0.1.1', '  upgrade: {image: alpine, command: [apk, upgrade]}\n'));
    apply(plan('nothing', 'v9.9.9', '  upgrade: {image: skiff-upgrade}\n').replace('v9.9.9', 'x'));
    await until('it is said', () => condition('kernel', 'Validated') !== '  ');
    expect(condition('kernel', 'Validated')).toMatch(/^False Unsupported .*"alpine" is not run/);
    await until('it is said', () => condition('nothing', 'LatestResolved') !== '  ');
    expect(condition('nothing', 'LatestResolved')).toBe('False Error "x" is no version of skiff');
  });

  it('are carried out for servers alone: no node orders an upgrade, and no user', () => {
    onTestFailed(() => void (failed = true));
    const order = 'upgrade?version=v0.1.2&signature=AAAA';
    const dir = '/var/lib/skiff/agent';
    const asNode = (url: string): string =>
      inside(
        agent,
        `curl -sk --cert ${dir}/client-kubelet.crt --key ${dir}/client-kubelet.key ` +
          `-o /dev/stdout -w ' %{http_code}' -X POST '${url}'`,
      ).stdout;
    // Another node's port, the way through the API server, and its own.
    expect(asNode(`https://${server.ip}:10250/${order}`)).toMatch(/ 403$/);
    const through = `https://${server.ip}:6443/api/v1/nodes/ship/proxy/${order}`;
    expect(asNode(through)).toMatch(/ 403$/);
    expect(asNode(`https://127.0.0.1:10250/${order}`)).toMatch(/ 403$/);
    const asAdmin = inside(
      server,
      `echo | skiff kubectl create --raw '/api/v1/nodes/boat/proxy/${order}' -f -`,
    );
    expect(asAdmin.stderr).toContain('no server has signed this order');
  });
});
