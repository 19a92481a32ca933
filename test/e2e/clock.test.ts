import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { busybox } from './images.ts';
import { TestCluster, until } from './node.ts';
import { buildWrongClock, setWrongClock, wrongClockEnv } from './wrong-clock.ts';

/**
 * A clock that is wrong, and then right: of boards without a battery, and of operators. Only the
 * server sees the other clock (wrong-clock.c); kubectl, the pods and containerd have the true one.
 */
const folder = mkdtempSync(join(tmpdir(), 'wrong-clock-'));
let library: string;
beforeAll(() => void (library = buildWrongClock(folder)));
afterAll(() => rmSync(folder, { recursive: true }));
const day = 24 * 3600;
let cluster: TestCluster;
afterEach(({ task }) => cluster.down(task.result?.state === 'fail'));

const file = '/var/lib/skiff/clock-of-the-test';
const setClock = (seconds: number): void => setWrongClock(join(cluster.node.disk, file), seconds);
const boot = async (seconds: number, flags: string[] = []): Promise<void> => {
  cluster = new TestCluster();
  await cluster.launch({ images: [busybox()], start: false, flags });
  setClock(seconds);
  start();
};
const start = (): void => cluster.startServer(undefined, wrongClockEnv(library, file));
const pod = (name: string): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  containers: [{name: c, image: "docker.io/library/busybox:test", command: [sleep, "100000"]}]
`;
const kubeconfigWorks = (): boolean => {
  cluster.useAddress(cluster.address);
  return cluster.kubectl(['get', 'nodes'], { timeoutMs: 5_000 }).code === 0;
};
const whyNot = (): string =>
  cluster.kubectl(['get', 'nodes'], { timeoutMs: 5_000 }).stderr + cluster.log().slice(-3000);
/** By the true clock: a token of a pod is one of the things that a clock dates. */
const podsTokenWorks = (name: string): boolean => {
  const file = '/var/run/secrets/kubernetes.io/serviceaccount/token';
  const token = cluster.kubectl(['exec', name, '--', 'cat', file]).stdout;
  if (token === '') throw new Error(`the pod ${name} has no token`);
  // One that is not good is answered with 401.
  return (
    cluster.node.exec([
      'curl',
      '-s',
      '--cacert',
      '/var/lib/skiff/server/tls/server-ca.crt',
      '-H',
      `Authorization: Bearer ${token}`,
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}',
      'https://127.0.0.1:6443/api/v1/namespaces/default/pods',
    ]).stdout === '403'
  );
};
const ready = (name: string): string =>
  cluster.k('wait', '--for=condition=Ready', `pod/${name}`, '--timeout=60s');

describe('a clock', () => {
  it('that began in 1970 is set right: every client works, without a restart', async () => {
    await boot(-Math.floor(Date.now() / 1000) + 300);
    await until('the server is ready', () => cluster.log().includes('skiff server ready'), {
      seen: () => cluster.log().slice(-2000),
    });
    expect(cluster.log()).toMatch(/1970-.*ClockWrong.*the clock says 1970-/);
    // Certificates of such a clock are good by it and by a true one.
    await until('a client with a true clock works', kubeconfigWorks, { timeoutMs: 20_000 });
    await cluster.ready();
    cluster.apply(pod('a'));
    ready('a');
    expect(
      cluster.k(
        'get',
        'node',
        '-o',
        'jsonpath={.items[0].status.conditions[?(@.type=="ClockWrong")].status}',
      ),
    ).toBe('True');
    const pid = cluster.node.exec(['cat', '/run/skiff-server.pid']).stdout;
    setClock(0);
    await until(
      'it is noticed',
      () => (kubeconfigWorks(), cluster.log().includes('the clock was set')),
      { timeoutMs: 30_000, seen: whyNot },
    );
    await until('clients work', kubeconfigWorks, { timeoutMs: 10_000 });
    await until(
      'the condition is over',
      () =>
        cluster.k(
          'get',
          'node',
          '-o',
          'jsonpath={.items[0].status.conditions[?(@.type=="ClockWrong")].status}',
        ) === 'False',
      { timeoutMs: 15_000 },
    );
    await until(
      'an event says so',
      () =>
        cluster.k('get', 'events', '-A', '-o', 'jsonpath={.items[*].reason}').includes('ClockSet'),
      { timeoutMs: 15_000 },
    );
    await until('the token of a pod from 1970 is replaced', () => podsTokenWorks('a'), {
      timeoutMs: 30_000,
    });
    expect(cluster.k('exec', 'a', '--', 'echo', 'here')).toBe('here\n');
    cluster.apply(pod('b'));
    ready('b');
    expect(cluster.node.exec(['cat', '/run/skiff-server.pid']).stdout).toBe(pid);
    const dates = cluster.node.exec([
      'sh',
      '-c',
      'for f in /var/lib/skiff/server/tls/*-ca.crt; do openssl x509 -noout -checkend ' +
        '252288000 -in $f || echo BAD $f; done',
    ]).stdout;
    expect(dates).not.toContain('BAD'); // eight years at least
  });

  it('that was ahead at the first start, and is set: nothing is "not yet valid"', async () => {
    await boot(4000 * day);
    await until('the server is ready', () => cluster.log().includes('skiff server ready'), {
      seen: () => cluster.log().slice(-2000),
    });
    setClock(0);
    await until(
      'it is noticed',
      () => (kubeconfigWorks(), cluster.log().includes('the clock was set')),
      { timeoutMs: 30_000, seen: whyNot },
    );
    await until('clients work', kubeconfigWorks, { timeoutMs: 10_000, seen: whyNot });
    await cluster.ready();
    cluster.apply(pod('a'));
    ready('a');
    expect(cluster.k('exec', 'a', '--', 'echo', 'here')).toBe('here\n');
    // And after a restart by the true clock.
    cluster.killServer('KILL');
    start();
    await cluster.ready();
    expect(kubeconfigWorks()).toBe(true);
  });

  it('that jumps both ways leaves a running node as it is', async () => {
    await boot(0);
    await cluster.ready();
    const probe = 'readinessProbe: {exec: {command: ["true"]}, periodSeconds: 1}';
    cluster.apply(`${pod('a').replace('"100000"]', `"100000"], ${probe}`)}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: yearly}
spec:
  schedule: "0 0 1 1 *"
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: "docker.io/library/busybox:test", command: ["true"]}]}}}}
`);
    ready('a');
    const state = (): string =>
      cluster.k(
        'get',
        'pod',
        'a',
        '-o',
        'jsonpath={.metadata.uid} {.status.containerStatuses[0].containerID} ' +
          '{.status.containerStatuses[0].restartCount}',
      );
    const before = state();
    for (const seconds of [400 * day, 0, -40 * day, 0]) {
      const jumps = cluster.log().split('the clock was set').length;
      setClock(seconds);
      await until(
        'the jump is noticed',
        () => cluster.log().split('the clock was set').length > jumps,
        { timeoutMs: 30_000, seen: whyNot },
      );
      // Certificates that have ended by the new clock are new in the kubeconfig.
      await until('clients work', kubeconfigWorks, { timeoutMs: 10_000, seen: whyNot });
      await until(
        'the Node is ready, and stays it',
        () =>
          cluster.kubectl(
            [
              'get',
              'node',
              '-o',
              'jsonpath={.items[0].status.conditions[?(@.type=="Ready")].status}{.items[0].' +
                'spec.taints}',
            ],
            { timeoutMs: 5_000 },
          ).stdout === 'True',
        { timeoutMs: 5_000 },
      );
      expect(state()).toBe(before);
      await until("the API server takes the pod's token", () => podsTokenWorks('a'), {
        timeoutMs: 30_000,
      });
    }
    // Nothing waits for the time that a timer was once set to: what begins now ends now.
    await until(
      'a job that was due in the jump has run',
      () => cluster.k('get', 'jobs', '-o', 'name') !== '',
      { timeoutMs: 20_000 },
    );
    expect(cluster.log()).not.toMatch(/keeps failing/);
    const begun = Date.now();
    cluster.apply(pod('b'));
    ready('b');
    cluster.k('delete', 'pod', 'b', '--grace-period=1');
    expect(Date.now() - begun).toBeLessThan(30_000);
  });
});
