import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { busybox } from './images.ts';
import { TestCluster, until } from './node.ts';

/** What breaks on a node, one thing after the other, and nobody there to restart anything. */
const cluster = new TestCluster();
let failed = false;
beforeAll(() => cluster.up({ images: [busybox()] }));
afterAll(() => cluster.down(failed));

const image = 'docker.io/library/busybox:test';
const database = '/var/lib/skiff/agent/containerd/io.containerd.metadata.v1.bolt/meta.db';

/**
 * A pod whose program has a number of its own among its arguments, so that it can be counted from
 * outside.
 */
const pod = (name: string, seconds: number, more = ''): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  terminationGracePeriodSeconds: 1
  ${more}
  containers:
  - {name: c, image: "${image}", command: [sleep, "${seconds}"]}
`;
const get = (name: string, path: string): string =>
  cluster.k('get', 'pod', name, '-o', `jsonpath={${path}}`);
const containerId = (name: string): string => get(name, '.status.containerStatuses[0].containerID');
const restarts = (name: string): number =>
  Number(get(name, '.status.containerStatuses[0].restartCount'));
const isReady = (name: string): boolean =>
  get(name, '.status.conditions[?(@.type=="Ready")].status') === 'True';
const inNode = (shell: string): string => cluster.node.exec(['bash', '-c', shell]).stdout.trim();
/** How many processes run that program. */
const running = (seconds: number): number => Number(inNode(`pgrep -fxc 'sleep ${seconds}'`));
/** The numbers of all pods. */
const seconds = (): number[] =>
  cluster
    .k('get', 'pods', '-o', 'jsonpath={.items[*].spec.containers[0].command[1]}')
    .split(' ')
    .map(Number);
const nodeReady = (): string =>
  cluster.k(
    'get',
    'nodes',
    '-o',
    'jsonpath={.items[0].status.conditions[?(@.type=="Ready")].status} ' +
      '{.items[0].status.conditions[?(@.type=="Ready")].message}',
  );
const events = (reason: string): string =>
  cluster.k(
    'get',
    'events',
    '-A',
    '--field-selector',
    `reason=${reason}`,
    '-o',
    'jsonpath={.items[*].message}',
  );
const start = (yaml: string, name: string): void => {
  cluster.apply(yaml);
  cluster.k('wait', '--for=condition=Ready', `pod/${name}`, '--timeout=60s');
};

describe('a node', () => {
  it('shows changed ConfigMaps, Secrets and tokens to pods from before the kill', async () => {
    onTestFailed(() => void (failed = true));
    cluster.k('create', 'configmap', 'settings', '--from-literal=color=red');
    cluster.k('create', 'secret', 'generic', 'word', '--from-literal=word=old');
    start(
      `
apiVersion: v1
kind: Pod
metadata: {name: reader, labels: {stage: one}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: c
    image: "${image}"
    command: [sleep, "70001"]
    volumeMounts: [{name: v, mountPath: /v}, {name: p, mountPath: /p}]
  volumes:
  - {name: v, configMap: {name: settings}}
  - name: p
    projected:
      sources:
      - secret: {name: word}
      - downwardAPI: {items: [{path: stage, fieldRef: {fieldPath: "metadata.labels['stage']"}}]}
      - serviceAccountToken: {path: token, expirationSeconds: 600}
`,
      'reader',
    );
    const read = (path: string): string => cluster.k('exec', 'reader', '--', 'cat', path);
    const [before, token] = [containerId('reader'), read('/p/token')];
    cluster.killServer('KILL');
    inNode('hostname renamed');
    cluster.startServer();
    await cluster.ready();
    expect(cluster.k('get', 'nodes', '-o', 'name').trim().split('\n')).toHaveLength(1);
    cluster.k('patch', 'configmap', 'settings', '-p', '{"data":{"color":"blue"}}');
    cluster.k('patch', 'secret', 'word', '-p', '{"stringData":{"word":"new"}}');
    cluster.k('label', 'pod', 'reader', 'stage=two', '--overwrite');
    await until(
      'the pod reads what was written',
      () => read('/v/color') === 'blue' && read('/p/word') === 'new' && read('/p/stage') === 'two',
      { timeoutMs: 30_000 },
    );
    expect(read('/p/token')).not.toBe(token);
    expect([containerId('reader'), restarts('reader')]).toEqual([before, 0]);
  });

  it('takes back what somebody else says of it, and comes back when deleted', async () => {
    onTestFailed(() => void (failed = true));
    const name = cluster.k('get', 'nodes', '-o', 'jsonpath={.items[0].metadata.name}');
    cluster.k(
      'patch',
      'node',
      name,
      '--subresource=status',
      '-p',
      '{"status":{"conditions":[{"type":"Ready","status":"Unknown",' +
        '"reason":"NodeStatusUnknown","message":"Kubelet stopped posting node status."}]}}',
    );
    await until('the node is Ready again', () => nodeReady().startsWith('True'), {
      timeoutMs: 5000,
    });
    const uid = cluster.k('get', 'node', name, '-o', 'jsonpath={.metadata.uid}');
    cluster.k('delete', 'node', name, '--wait=false');
    await until(
      'the node is there again, Ready',
      () =>
        cluster.kubectl(['get', 'node', name, '-o', 'jsonpath={.metadata.uid}']).stdout !== uid &&
        nodeReady().startsWith('True'),
      { timeoutMs: 15_000 },
    );
  });

  it('starts a pod whose network failed at first, and keeps nothing of the failure', async () => {
    onTestFailed(() => void (failed = true));
    const script =
      '#!/bin/sh\\nif [ -e /run/cni-fails ]; then [ "$CNI_COMMAND" = DEL ] \\&\\& rm ' +
      '/run/cni-fails; echo "{\\"cniVersion\\":\\"0.4.0\\",\\"code\\":11,\\"msg\\":\\"no ' +
      'link today\\"}"; exit 1; fi\\nexec /run/cni-real/ptp "$@"\\n';
    inNode(
      'mkdir /run/cni-real /run/cni-now && cp /usr/lib/cni/* /run/cni-real/ && cp ' +
        `/usr/lib/cni/* /run/cni-now/ && printf '${script.replaceAll('\\&', '&')}' > ` +
        '/run/cni-now/ptp && mount --bind /run/cni-now /usr/lib/cni && touch /run/cni-fails',
    );
    start(pod('unlucky', 70_002), 'unlucky');
    expect(events('FailedCreatePodSandBox')).toContain('no link today');
    expect(inNode('ls /run/cni-fails 2>/dev/null')).toBe('');
    const ctr = 'ctr --address /run/skiff/containerd/containerd.sock -n k8s.io containers ls';
    await until(
      'only what is in use is left',
      () => inNode(`${ctr} -q 'labels."io.kubernetes.pod.name"==unlucky' | wc -l`) === '2',
      { timeoutMs: 20_000 },
    );
    inNode('umount /usr/lib/cni');
  });

  it.each([
    ['had set one up', 'ADD', '/run/cni-real/ptp "$@"; R; kill -9 P'],
    ['had lost its database and was to give one back', 'DEL', `R; rm -f ${database}; kill -9 P`],
  ])(
    'gives back networks of sandboxes that do not run: containerd died when it %s',
    { timeout: 120_000 },
    async (_when, command, does) => {
      onTestFailed(() => void (failed = true));
      const harm = does
        .replace('R', 'rm /run/cni-kills')
        .replace('P', '$(cat /run/skiff/containerd.pid)');
      const script =
        `#!/bin/sh\nif [ -e /run/cni-kills ] && [ "$CNI_COMMAND" = ${command} ]; then ` +
        `${harm}; exit 1; fi\nexec /run/cni-real/ptp "$@"\n`;
      if (command === 'DEL') start(pod('leaves', 70_006), 'leaves');
      inNode('mkdir -p /run/cni-real /run/cni-now; cp -n /usr/lib/cni/* /run/cni-real/');
      cluster.node.exec(['sh', '-c', 'cp /run/cni-real/* /run/cni-now; cat > /run/cni-now/ptp'], {
        input: script,
      });
      inNode('mount --bind /run/cni-now /usr/lib/cni && touch /run/cni-kills');
      if (command === 'DEL') cluster.k('delete', 'pod', 'leaves', '--wait=false');
      else cluster.apply(pod('comes', 70_006));
      await until('the fault was met', () => inNode('ls /run/cni-kills 2>/dev/null') === '');
      inNode('umount /usr/lib/cni');
      const known = (what: string): string =>
        inNode(`crictl() { ctr --address /run/skiff/containerd/containerd.sock -n k8s.io tasks ls; }
          crictl | grep -c RUNNING; ${what}`);
      const networks =
        'find /run/skiff/network/ipam -name "10.*" | wc -l; ls -d /run/netns/cni-* | wc -l; ' +
        'ip -o link show type veth | grep -vc ": eth0"';
      await until(
        'every network is of a pod that runs, and every pod runs',
        () => {
          const [tasks, addresses, namespaces, links] = known(networks).split('\n').map(Number);
          const pods = seconds().length;
          return tasks === 2 * pods && addresses === pods && namespaces === pods && links === pods;
        },
        { timeoutMs: 90_000, seen: () => known(networks) },
      );
    },
  );

  it('makes a sandbox again whose pause process was killed', async () => {
    onTestFailed(() => void (failed = true));
    start(pod('paused', 70_003), 'paused');
    const sandbox = inNode(
      'ctr --address /run/skiff/containerd/containerd.sock -n k8s.io containers ls -q ' +
        `'labels."io.kubernetes.pod.name"==paused,labels."io.cri-containerd.kind"==sandbox'`,
    );
    const pid = inNode(
      'ctr --address /run/skiff/containerd/containerd.sock -n k8s.io tasks ls | awk ' +
        `'$1=="${sandbox}"{print $2}'`,
    );
    const ip = get('paused', '.status.podIP');
    inNode(`kill -9 ${pid}`);
    await until(
      'the pod runs in a new sandbox',
      () => restarts('paused') === 1 && isReady('paused') && get('paused', '.status.podIP') !== ip,
      { timeoutMs: 30_000 },
    );
    expect(running(70_003)).toBe(1);
    expect(events('SandboxChanged')).toContain('Pod sandbox changed');
  });

  it('starts a runtime again that somebody has stopped', { timeout: 240_000 }, async () => {
    onTestFailed(() => void (failed = true));
    start(pod('steady', 70_004), 'steady');
    const before = containerId('steady');
    inNode('kill -STOP $(cat /run/skiff/containerd.pid)');
    const asked = Date.now();
    // An exec that meets it ends, well or with an error; it does not hang.
    cluster.kubectl(['exec', 'steady', '--', 'true'], { timeoutMs: 60_000 });
    expect(Date.now() - asked).toBeLessThan(20_000);
    await until(
      'exec works again',
      () => cluster.kubectl(['exec', 'steady', '--', 'echo', 'alive']).stdout === 'alive\n',
      { timeoutMs: 30_000 },
    );
    await until('the node is Ready', () => nodeReady().startsWith('True'), { timeoutMs: 30_000 });
    expect(cluster.log()).toContain('the container runtime was stopped by somebody');
    expect([containerId('steady'), restarts('steady'), running(70_004)]).toEqual([before, 0, 1]);
  });

  it.each([
    [
      'damaged while all was off',
      `pkill -9 -x containerd; dd if=/dev/zero of=${database} bs=4096 count=2 conv=notrunc`,
      true,
    ],
    [
      'torn while all was off',
      `pkill -9 -x containerd; dd if=/dev/urandom of=${database} bs=4096 seek=2 count=1000 ` +
        'conv=notrunc',
      true,
    ],
    ['deleted under a living server', `rm ${database}; pkill -9 -x containerd`, false],
  ])(
    "runs every pod once after containerd's database was %s",
    { timeout: 180_000 },
    async (_how, harm, restart) => {
      onTestFailed(() => void (failed = true));
      cluster.apply(pod('twice', 70_005));
      cluster.k('wait', '--for=condition=Ready', 'pod/twice', '--timeout=60s');
      const before = containerId('twice');
      const told = events('ContainerRuntimeRebuilt').length;
      if (restart) cluster.killServer('KILL');
      inNode(harm);
      if (restart) cluster.startServer();
      await until(
        'the pod runs in a new container',
        () => containerId('twice') !== before && isReady('twice'),
        { timeoutMs: 90_000, seen: () => cluster.log().slice(-3000) },
      );
      expect(cluster.k('exec', 'twice', '--', 'echo', 'alive')).toBe('alive\n');
      await until('each pod runs once', () => seconds().every((n) => running(n) === 1), {
        timeoutMs: 60_000,
        seen: () => inNode('ps axf | tail -60'),
      });
      expect(inNode('pgrep -xc pause')).toBe(
        cluster
          .k(
            'get',
            'pods',
            '-A',
            '-o',
            'jsonpath={.items[?(@.status.phase=="Running")].metadata.name}',
          )
          .split(' ')
          .length.toString(),
      );
      await until(
        'it is told',
        () =>
          events('ContainerRuntimeRebuilt').length > told ||
          events('ContainerRuntimeRebuilt').includes(restart ? 'damaged' : 'gone'),
      );
    },
  );
});
