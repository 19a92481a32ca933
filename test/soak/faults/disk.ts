import { join } from 'node:path';
import { ok } from '../../e2e/node.ts';
import type { Machine } from '../ground.ts';
import { namespace } from '../workload.ts';
import { seconds, type Fault } from './fault.ts';

/** Writes until nothing more goes in. */
const fill = (machine: Machine): void =>
  void machine.sh(
    'cd /var/lib/skiff && (dd if=/dev/zero of=ballast bs=1M; dd if=/dev/zero of=ballast2 ' +
      'bs=1k) 2>/dev/null; :',
    60_000,
  );
const free = (machine: Machine): void =>
  void machine.sh('rm -f /var/lib/skiff/ballast /var/lib/skiff/ballast2');

/** Files that are made again when they are damaged; authorities are not among them. */
const listOfFiles =
  'cd /var/lib/skiff; find server/tls -type f | grep -v -e "-ca\\." -e service.key; ' +
  'ls -d server/token server/node-token ledger last-time agent/*.crt agent/*.key ' +
  'agent/pod-cidr agent/node-name agent/images.json agent/network-policies.json ' +
  '$(find agent/etc -type f)';
const damages = ['truncate -s 0 F', 'truncate -s 40% F', 'head -c 200 /dev/urandom > F', 'rm F'];

export const diskFaults: Fault[] = [
  {
    name: 'disk-full',
    run: async (scene) => {
      const { s, pass } = seconds(scene, 10, 40);
      fill(scene.machine);
      await pass();
      free(scene.machine);
      return `${s} s`;
    },
  },
  {
    name: 'disk-full-and-kill',
    run: async (scene) => {
      const { s, pass } = seconds(scene, 10, 20);
      fill(scene.machine);
      scene.machine.killServer();
      await pass();
      free(scene.machine);
      return `${s} s`;
    },
  },
  {
    // A worn card: after a power cut the kernel takes no more writes, and somebody repairs it.
    name: 'read-only',
    run: async (scene) => {
      const { machine } = scene;
      const { s, pass } = seconds(scene, 5, 20);
      const disk = join(machine.node.disk, 'var');
      machine.node.powerCut();
      ok(['mount', '-o', 'remount,ro', disk]);
      await machine.start();
      await pass();
      ok(['mount', '-o', 'remount,rw', disk]);
      machine.sh(
        'for d in $(findmnt -rno TARGET -S skiff-small); do mount -o remount,bind,rw $d; done',
      );
      return `${s} s`;
    },
  },
  {
    name: 'file-damaged',
    run: async ({ machine, rng }) => {
      machine.hold();
      machine.killServer();
      const file = rng.of(machine.sh(listOfFiles).split('\n').filter(Boolean)) ?? 'ledger';
      const damage = (rng.of(damages) as string).replace('F', `/var/lib/skiff/${file}`);
      // Of the token there are two, of each other.
      machine.sh(damage);
      machine.letGo();
      return damage;
    },
  },
  {
    name: 'log-flood',
    run: async ({ machine, rng }) => {
      const megabytes = rng.between(50, 200);
      const line = 'y'.repeat(200);
      const pod = rng.of(
        machine
          .kubectl(['-n', namespace, 'get', 'pods', '-l', 'app in (web,db)', '-o', 'name'])
          .stdout.split('\n')
          .filter(Boolean),
      );
      if (pod === undefined) return 'found none';
      machine.kubectl(
        [
          '-n',
          namespace,
          'exec',
          pod,
          '--',
          'sh',
          '-c',
          `yes ${line} | head -c ${megabytes}m > /proc/1/fd/1`,
        ],
        { timeoutMs: 60_000 },
      );
      return `${megabytes} MB of ${pod}`;
    },
  },
];
