import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { busybox } from './images.ts';
import { TestCluster, until } from './node.ts';

/** The whole disk of the machine; a pod's 200 MiB are much of it. */
const cluster = new TestCluster('small', { megabytes: 512 });
let failed = false;
beforeAll(() => cluster.up({ images: [busybox()] }));
afterAll(() => cluster.down(failed));

const deployment = (name: string, script: string, more = ''): string => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}}
spec:
  replicas: 1
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: c, image: "docker.io/library/busybox:test", command: [sh, -c, ${JSON.stringify(script)}]${more}}]
`;
const pods = (app: string): string[] =>
  cluster
    .k(
      'get',
      'pods',
      '-l',
      `app=${app}`,
      '-o',
      'jsonpath={range .items[*]}{.metadata.name}/{.status.phase}/{.status.reason}{"\\n"}{end}',
    )
    .trim()
    .split('\n')
    .filter(Boolean);
const running = (app: string): boolean =>
  cluster.k('get', 'deployment', app, '-o', 'jsonpath={.status.availableReplicas}') === '1';
const fill = (): void =>
  void cluster.node.exec([
    'bash',
    '-c',
    'cd /var/lib/skiff; (dd if=/dev/zero of=ballast bs=1M; dd if=/dev/zero of=ballast bs=1k ' +
      'oflag=append conv=notrunc) 2>/dev/null; :',
  ]);
const free = (): void => void cluster.node.exec(['rm', '-f', '/var/lib/skiff/ballast']);
const condition = (type: string): string =>
  cluster.k(
    'get',
    'node',
    '-o',
    `jsonpath={.items[0].status.conditions[?(@.type=="${type}")].status}`,
  );
const create = (name: string) =>
  cluster.kubectl(['create', 'configmap', name, '--from-literal=a=b'], { timeoutMs: 15_000 });

describe('a node whose disk is full of something else', () => {
  it(
    'keeps its pods, tells of their statuses, takes deletions, and refuses in plain words what ' +
      'adds',
    async () => {
      onTestFailed(() => void (failed = true));
      cluster.apply(deployment('calm', 'sleep 100000'));
      await until('the pod runs', () => running('calm'));
      const before = pods('calm');
      create('before');
      fill();
      await until('the pressure is told', () => condition('DiskPressure') === 'True', {
        timeoutMs: 90_000,
      });
      await until('what adds is refused', () =>
        create('more').stderr.includes("the disk of the server's datastore is full"),
      );
      expect(cluster.kubectl(['get', '--raw', '/readyz']).stdout).toBe('ok');
      cluster.k('delete', 'configmap', 'before');
      // A status: the container ends, and its restart is told.
      cluster.node.exec(['pkill', '-9', '-f', '^sleep 100000']);
      await until(
        'the restart is told',
        () =>
          cluster.k(
            'get',
            'pods',
            '-l',
            'app=calm',
            '-o',
            'jsonpath={.items[0].status.containerStatuses[0].restartCount}/{.items[0].status.' +
              'containerStatuses[0].ready}',
          ) !== '0/true',
      );
      await until("the datastore's trouble is told", () => condition('DatastoreFull') === 'True');
      await until('the node says what is full', () =>
        cluster
          .k('get', 'events', '-o', 'jsonpath={.items[*].message}')
          .includes('neither images nor the files of pods are what fills it'),
      );
      expect(pods('calm')).toEqual(before);
    },
  );

  it('starts again while it lasts', async () => {
    onTestFailed(() => void (failed = true));
    const before = pods('calm');
    const lines = cluster.log().length;
    cluster.killServer('KILL');
    cluster.startServer();
    await cluster.ready();
    expect(create('more').stderr).toContain("the disk of the server's datastore is full");
    await until('one line says what is full, and where', () =>
      /the disk of the datastore is full.* folder=\/var\/lib\/skiff\/server\/db/.test(
        cluster.log().slice(lines),
      ),
    );
    expect(pods('calm')).toEqual(before);
  });

  it('starts on it after a power cut, and brings the pods back when there is room', async () => {
    onTestFailed(() => void (failed = true));
    cluster.node.powerCut();
    await cluster.node.boot();
    cluster.startServer();
    await cluster.ready();
    expect(create('more').stderr).toContain("the disk of the server's datastore is full");
    // Long enough for each try of a sandbox to leave what it leaves.
    await until(
      'the start of the pod was tried',
      () =>
        cluster
          .k('get', 'events', '-o', 'jsonpath={.items[*].reason}')
          .includes('FailedCreatePodSandBox') || running('calm'),
      { timeoutMs: 30_000 },
    );
    free();
    await until('the pod runs', () => running('calm'), { timeoutMs: 45_000 });
    fill();
  });

  it("is itself again when there is room, with nobody's help", async () => {
    onTestFailed(() => void (failed = true));
    free();
    await until('writes are taken', () => create('after').code === 0, { timeoutMs: 20_000 });
    await until('the pressure is over', () => condition('DiskPressure') === 'False', {
      timeoutMs: 30_000,
    });
    await until('the trouble is over', () => condition('DatastoreFull') === 'False');
    cluster.apply(deployment('next', 'sleep 100000'));
    await until('new pods start', () => running('next') && running('calm'));
  });
});

describe('a node whose disk a finished pod fills', () => {
  it('takes away what that pod left, keeps its status, and evicts nobody', async () => {
    onTestFailed(() => void (failed = true));
    const calm = pods('calm');
    cluster.apply(`
apiVersion: v1
kind: Pod
metadata: {name: done, labels: {app: done}}
spec:
  restartPolicy: Never
  containers: [{name: c, image: "docker.io/library/busybox:test", command: [sh, -c, "dd if=/dev/zero of=/fill bs=1M count=260"]}]
`);
    await until('it has finished', () => pods('done')[0] === 'done/Succeeded/');
    const used = (): number =>
      Number(
        cluster.node.exec(['bash', '-c', 'df --output=pcent /var/lib/skiff | tail -1 | tr -dc 0-9'])
          .stdout,
      );
    const before = used();
    expect(before).toBeGreaterThan(50);
    // What is missing to the threshold is not the pod's.
    cluster.node.exec([
      'bash',
      '-c',
      'cd /var/lib/skiff; while [ $(df --output=pcent . | tail -1 | tr -dc 0-9) -lt 88 ]; do dd ' +
        'if=/dev/zero of=ballast bs=1M count=4 oflag=append conv=notrunc; done 2>/dev/null',
    ]);
    await until('what it wrote is gone', () => used() < 50, { timeoutMs: 110_000 });
    expect(
      cluster.k('get', 'pod', 'done', '-o', 'jsonpath={.status.containerStatuses[0].state}'),
    ).toContain('Completed');
    expect(pods('done')).toEqual(['done/Succeeded/']);
    expect(pods('calm')).toEqual(calm);
    free();
    cluster.k('delete', 'pod', 'done');
    await until('the pressure is over', () => condition('DiskPressure') === 'False', {
      timeoutMs: 60_000,
    });
  });
});

describe('a node whose disk a pod fills', () => {
  it('evicts that pod and no other, takes its files away, and starts it again', async () => {
    onTestFailed(() => void (failed = true));
    const calm = pods('calm');
    cluster.apply(deployment('greedy', 'dd if=/dev/zero of=/fill bs=1M count=480; sleep 100000'));
    await until(
      'it is evicted',
      () => pods('greedy').some((line) => line.endsWith('/Failed/Evicted')),
      { timeoutMs: 110_000 },
    );
    cluster.k('scale', 'deployment', 'greedy', '--replicas=0');
    await until(
      'its files are gone',
      () =>
        Number(
          cluster.node.exec([
            'bash',
            '-c',
            'df --output=pcent /var/lib/skiff | tail -1 | tr -dc 0-9',
          ]).stdout,
        ) < 50,
      { timeoutMs: 30_000 },
    );
    expect(pods('calm')).toEqual(calm);
    await until('the pressure is over', () => condition('DiskPressure') === 'False', {
      timeoutMs: 30_000,
    });
  });
});
