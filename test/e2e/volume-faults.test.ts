import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFailed } from 'vitest';
import { testSeed } from '../../internal/io/test-seed.ts';
import { PlayedSidecars } from '../csi/sidecars.ts';
import { Rng } from '../soak/rng.ts';
import { busybox } from './images.ts';
import { root, runBeside, TestCluster, until } from './node.ts';

/**
 * Servers that die and machines that lose power while volumes are made, attached, mounted,
 * unmounted and removed. SKIFF_VOLUME_FAULTS says how often, SKIFF_SEED which.
 */
const times = Number(process.env['SKIFF_VOLUME_FAULTS'] ?? 10);
const rng = new Rng(testSeed());
const cluster = new TestCluster();
let failed = false;
beforeAll(() => cluster.up({ images: [busybox()] }));
afterAll(() => cluster.down(failed));

const driver = 'folders.csi.test';
const socket = `var/lib/kubelet/plugins/${driver}/csi.sock`;
const onDisk = (path: string): string => join(cluster.node.disk, path);
const storage = 'var/lib/skiff/storage';
const shelves = 'var/lib/skiff/csi-state/volumes';
const look = (what: string): string => cluster.node.look(['bash', '-c', what]).stdout;

/** Beside everything, as its pod would; what it made stays when the machine loses power. */
function startDriver(): void {
  cluster.node.start(
    [
      process.execPath,
      join(root, 'test/csi/driver.ts'),
      ...['--endpoint', `/${socket}`, '--registry', '/var/lib/kubelet/plugins_registry'],
      ...['--state', '/var/lib/skiff/csi-state', '--node-id', 'node1'],
    ],
    'driver.log',
  );
}

const classes = ['Delete', 'Retain'].flatMap((policy) =>
  ['rancher.io/local-path', driver].map((provisioner) => ({
    name: `${provisioner === driver ? 'shelf' : 'folder'}-${policy.toLowerCase()}`,
    provisioner,
    policy,
  })),
);
const classObjects = classes.map(
  ({ name, provisioner, policy }) => `
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: ${name}}
provisioner: ${provisioner}
reclaimPolicy: ${policy}
allowVolumeExpansion: true
volumeBindingMode: WaitForFirstConsumer
`,
);
const driverObject = `
apiVersion: storage.k8s.io/v1
kind: CSIDriver
metadata: {name: ${driver}}
spec: {attachRequired: true, fsGroupPolicy: File, volumeLifecycleModes: [Persistent]}
`;

/** A claim, and maybe a pod that uses it. */
interface Slot {
  of: (typeof classes)[number];
  name: string;
  /** How many claims it has had, and pods. */
  claims: number;
  pods: number;
  claimed: boolean;
  running: boolean;
  /** Its volume, when it is known, and what that is known to hold. */
  volume: string;
  written: string;
}
const slots: Slot[] = [...classes, ...classes].map((of, i) => ({
  of,
  name: `s${i}`,
  claims: 0,
  pods: 0,
  claimed: false,
  running: false,
  volume: '',
  written: '',
}));
const claimOf = (slot: Slot): string => `${slot.name}-${slot.claims}`;
const podOf = (slot: Slot): string => `${claimOf(slot)}-${slot.pods}`;

const objectsOf = (slot: Slot): string => `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: ${claimOf(slot)}}
spec:
  accessModes: [ReadWriteOnce]
  storageClassName: ${slot.of.name}
  resources: {requests: {storage: 16Mi}}
---
apiVersion: v1
kind: Pod
metadata: {name: ${podOf(slot)}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: c
    image: docker.io/library/busybox:test
    command: [sh, -c, "echo ${podOf(slot)} >> /data/log; sleep 3600"]
    volumeMounts: [{name: data, mountPath: /data}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: ${claimOf(slot)}}}]
`;

interface Volume {
  metadata: { name: string };
  spec: {
    claimRef: { name: string };
    csi?: { volumeHandle: string };
    local?: { path: string };
    persistentVolumeReclaimPolicy: string;
  };
  status: { phase: string };
}
const folderOf = ({ spec }: Volume): string =>
  onDisk(spec.csi ? `${shelves}/${spec.csi.volumeHandle}` : spec.local!.path);
const logOf = (volume: Volume): string => {
  const file = join(folderOf(volume), 'log');
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
};
/** Volumes whose claims went, and which must be there forever: by name, what they hold. */
const retained = new Map<string, string>();

/**
 * Something that a user does to a slot, as commands that may be given again: the server may die in
 * the middle of any.
 */
function change(slot: Slot): { told: string; commands: (() => unknown)[] } {
  const gone = (...what: string[]): (() => unknown) => {
    return () => cluster.k('delete', ...what, '--wait=false', '--ignore-not-found');
  };
  const commands: (() => unknown)[] = [];
  if (slot.running) {
    slot.running = false;
    commands.push(gone('pod', podOf(slot)));
    if (rng.next() < 0.5) return { told: `${podOf(slot)} stops`, commands };
  } else if (slot.claimed && rng.next() < 0.6) {
    slot.pods++;
    slot.running = true;
    const objects = objectsOf(slot);
    return { told: `${podOf(slot)} starts again`, commands: [() => cluster.apply(objects)] };
  }
  if (slot.claimed) {
    if (slot.volume !== '' && slot.of.policy === 'Retain') retained.set(slot.volume, slot.written);
    slot.claimed = false;
    commands.push(gone('pvc', claimOf(slot)));
    return { told: `${claimOf(slot)} is removed`, commands };
  }
  slot.claims++;
  slot.pods++;
  slot.volume = slot.written = '';
  slot.claimed = slot.running = true;
  const objects = objectsOf(slot);
  return { told: `${claimOf(slot)} is made`, commands: [() => cluster.apply(objects)] };
}

const volumes = (): Volume[] => cluster.json<{ items: Volume[] }>('pv').items;

/** What is not as it should be; nothing = all is. */
function troubles(): string[] {
  const found: string[] = [];
  const must = (is: boolean, otherwise: string): void => void (is || found.push(otherwise));
  const all = volumes();
  const pods = cluster
    .k('get', 'pods', '-o', 'jsonpath={range .items[*]}{.metadata.name} {.status.phase}\n{end}')
    .trim();
  const should = slots.filter((slot) => slot.running).map((slot) => `${podOf(slot)} Running`);
  must(pods.split('\n').sort().join() === should.sort().join(), `pods: ${pods}; not ${should}`);
  for (const slot of slots.filter(({ claimed }) => claimed)) {
    const own = all.filter(({ spec }) => spec.claimRef.name === claimOf(slot));
    must(own.length <= 1, `${claimOf(slot)} has ${own.length} volumes`);
    const [volume] = own;
    // Of a pod that was stopped before it was scheduled nobody ever made one.
    if (!volume && slot.written === '' && !slot.running) continue;
    must(volume?.status.phase === 'Bound', `${claimOf(slot)} is not bound`);
    const log = volume ? logOf(volume) : '';
    must(log.startsWith(slot.written), `${claimOf(slot)} holds ${log}, not ${slot.written}`);
    must(!slot.running || log.includes(podOf(slot)), `${podOf(slot)} did not write`);
  }
  const claims = new Set(slots.filter(({ claimed }) => claimed).map(claimOf));
  for (const volume of all.filter(({ spec }) => !claims.has(spec.claimRef.name))) {
    const { name } = volume.metadata;
    must(volume.spec.persistentVolumeReclaimPolicy === 'Retain', `volume ${name} is left`);
    must(volume.status.phase === 'Released', `volume ${name} is ${volume.status.phase}`);
  }
  for (const [name, written] of retained) {
    const volume = all.find(({ metadata }) => metadata.name === name);
    must(volume !== undefined && logOf(volume).startsWith(written), `${name} lost ${written}`);
  }
  const folders = [storage, shelves].flatMap((dir) =>
    existsSync(onDisk(dir)) ? readdirSync(onDisk(dir)).map((one) => join(onDisk(dir), one)) : [],
  );
  const known = new Set(all.flatMap((one) => [folderOf(one), `${folderOf(one)}.json`]));
  for (const one of folders) must(known.has(one), `${one} is left`);
  found.push(...mountTroubles(all));
  return found;
}

/** Each running pod's volume of the driver is staged once and published once; nothing else is. */
function mountTroubles(all: Volume[]): string[] {
  const found: string[] = [];
  const running = slots.filter((slot) => slot.running && slot.of.provisioner === driver);
  const using = all.filter(({ spec }) =>
    running.some((slot) => spec.csi && spec.claimRef.name === claimOf(slot)),
  );
  const mounts = look('grep -o "/var/lib/kubelet[^ ]*kubernetes.io[~/]csi[^ ]*" /proc/self/mounts')
    .split('\n')
    .filter(Boolean);
  const twice = mounts.filter((one, i) => mounts.indexOf(one) !== i);
  if (twice.length > 0) found.push(`mounted twice: ${twice}`);
  if (mounts.length !== 2 * using.length)
    found.push(`${using.length} volumes are used, and mounted is ${mounts.join(' ')}`);
  for (const { metadata } of using)
    if (mounts.filter((one) => one.includes(`/${metadata.name}/mount`)).length !== 1)
      found.push(`${metadata.name} is not published once: ${mounts.join(' ')}`);
  const attached = cluster
    .k('get', 'volumeattachments', '-o', 'jsonpath={.items[*].spec.source.persistentVolumeName}')
    .split(' ')
    .filter(Boolean);
  const names = using.map(({ metadata }) => metadata.name);
  if (attached.sort().join() !== names.sort().join())
    found.push(`attached: ${attached}; in use: ${names}`);
  // Only pods with a driver's volumes have a folder there.
  const pods = readdirSync(onDisk('var/lib/kubelet/pods'));
  if (pods.length !== running.length)
    found.push(`${running.length} pods use the driver, and there are folders of ${pods}`);
  return found;
}

/** The server dies, or its machine, some time from now: a process of its own sees to it. */
const harmIn = (seconds: number, cut: boolean): Promise<unknown> =>
  cut
    ? runBeside(['bash', '-c', `sleep ${seconds}; kill -9 ${cluster.node.pid}`])
    : cluster.node.lookBeside([
        ...['bash', '-c', `sleep ${seconds}; kill -9 $(cat /run/skiff-server.pid)`],
      ]);

async function upAgain(cut: boolean): Promise<void> {
  if (cut) {
    cluster.node.powerCut();
    await cluster.node.boot();
  }
  cluster.startServer();
  await cluster.ready(120_000);
  if (cut) startDriver();
}

/** One server or machine dies while a user changes some things; it is up again when this ends. */
async function fault(played: PlayedSidecars, story: string[]): Promise<void> {
  const cut = rng.next() < 0.4;
  const after = rng.between(0, 40) / 10;
  let over = false;
  const harm = harmIn(after, cut)
    .then(() => upAgain(cut))
    .finally(() => (over = true));
  harm.catch(() => undefined); // told when it is waited for
  const told = [`${cut ? 'power cut' : 'kill -9'} after ${after} s`];
  for (const slot of rng.shuffled(slots).slice(0, rng.between(1, 4))) {
    const { told: what, commands } = change(slot);
    told.push(what);
    for (const command of commands)
      // What is refused because the server has just died, a user tries again.
      await until('the command is taken', () => (command(), true), { timeoutMs: 120_000 });
  }
  story.push(told.join('; '));
  while (!over) {
    await played.pass().catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await harm;
}

/** All comes to rest, and is as it should be. */
async function rest(played: PlayedSidecars, story: string[]): Promise<void> {
  let left: string[] = [];
  await until(
    'all is as it should be',
    async () => {
      await played.pass();
      left = troubles();
      return left.length === 0;
    },
    {
      timeoutMs: 120_000,
      seen: () => `${left.join('\n')}\nafter\n${story.slice(-3).join('\n')}\n${logs()}`,
    },
  );
  for (const volume of volumes())
    for (const slot of slots)
      if (slot.claimed && volume.spec.claimRef.name === claimOf(slot)) {
        slot.volume = volume.metadata.name;
        slot.written = logOf(volume);
      }
}

const logs = (): string =>
  cluster.kubectl(['get', 'pods,pvc,pv,volumeattachments,events', '-A']).stdout.slice(-6000) +
  cluster.log().slice(-3000);

it(
  'volumes outlive servers that die and machines that lose power',
  async () => {
    onTestFailed(() => void (failed = true));
    cluster.apply([driverObject, ...classObjects].join('---'));
    startDriver();
    await until('the driver is known', () => cluster.k('get', 'csinode').includes(' 1 '));
    const played = new PlayedSidecars(cluster, driver, onDisk(socket));
    const story: string[] = [];
    while (story.length < times) {
      const inARow = Math.min(rng.between(1, 3), times - story.length);
      for (let i = 0; i < inARow; i++) await fault(played, story);
      await rest(played, story);
    }
    expect(story).toHaveLength(times);
    expect(retained.size).toBeGreaterThanOrEqual(times >= 50 ? 5 : 0);
  },
  60_000 + times * 180_000,
);
