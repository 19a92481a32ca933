import type { Machine } from '../ground.ts';
import { seconds, type Fault, type Scene } from './fault.ts';

/** Patterns begin with a letter in brackets, or they would find the shell that looks for them. */
const pidsOf = (machine: Machine, find: string): string[] =>
  machine.sh(find).split('\n').filter(Boolean);

/** Kills one process of those that a command finds. */
function kill({ machine, rng }: Scene, find: string): string {
  const pid = rng.of(pidsOf(machine, find));
  if (pid === undefined) return 'found none';
  const what = machine.sh(`tr '\\0' ' ' < /proc/${pid}/cmdline | cut -c1-120`);
  machine.sh(`kill -9 ${pid}`);
  return what.trim();
}

const stop =
  (program: 'skiff' | 'containerd') =>
  async (scene: Scene): Promise<string> => {
    const { s, pass } = seconds(scene, 5, 20);
    scene.machine.signal('STOP', program);
    await pass();
    scene.machine.signal('CONT', program);
    return `${s} s`;
  };

/** Somebody else has a port when the server comes back. */
async function takePort({ machine, machines, rng, sleep }: Scene): Promise<string> {
  const ports = [6443, 10250, 53, ...(machines.length > 1 ? [2379, 2380] : [])];
  const port = rng.of(ports) ?? 6443;
  machine.hold();
  machine.killServer();
  const listen =
    'import socket,time;' +
    's=socket.socket();s.setsockopt(1,2,1);u=socket.socket(type=socket.SOCK_DGRAM);\n' +
    `for x in (s,u): x.bind(("0.0.0.0",${port}))\n` +
    's.listen();time.sleep(8)';
  machine.node.start(['python3', '-c', listen], 'port.log');
  await sleep(500);
  machine.letGo();
  await sleep(8_000);
  return String(port);
}

const databaseOfContainerd =
  '/var/lib/skiff/agent/containerd/io.containerd.metadata.v1.bolt/meta.db';

export const programFaults: Fault[] = [
  { name: 'kill-skiff', run: async ({ machine }) => machine.signal('KILL', 'skiff') },
  { name: 'end-skiff', run: async ({ machine }) => machine.signal('TERM', 'skiff') },
  { name: 'kill-containerd', run: async ({ machine }) => machine.signal('KILL', 'containerd') },
  {
    name: 'kill-both',
    run: async ({ machine }) =>
      void machine.sh('kill -9 $(cat /run/skiff-server.pid /run/skiff/containerd.pid)'),
  },
  {
    name: 'kill-shim',
    run: async (scene) => kill(scene, "pgrep -f '[c]ontainerd-shim-runc-v2 -namespace'"),
  },
  { name: 'kill-pause', run: async (scene) => kill(scene, "pgrep -f '^/pause'") },
  {
    name: 'kill-container',
    run: async (scene) => kill(scene, "pgrep -f '[t]rap .exit 0. TERM; (httpd|echo)'"),
  },
  // What skiff has started for itself: the monitors of the kernel, containerd, an etcd.
  {
    name: 'kill-child',
    run: async (scene) => kill(scene, 'pgrep -P $(cat /run/skiff-server.pid)'),
  },
  { name: 'stop-skiff', run: stop('skiff') },
  { name: 'stop-containerd', run: stop('containerd') },
  // Nobody lets it go on: what hangs has to be found out.
  { name: 'hang-containerd', run: async ({ machine }) => machine.signal('STOP', 'containerd') },
  { name: 'port-taken', run: takePort },
  {
    name: 'containerd-db-damaged',
    run: async ({ machine, rng }) => {
      machine.hold();
      machine.signal('KILL', 'skiff');
      const where = rng.of(['count=2', 'seek=2 count=1000']) ?? '';
      machine.sh(
        'pkill -9 -x containerd; ' +
          `dd if=/dev/urandom of=${databaseOfContainerd} bs=4096 ${where} conv=notrunc`,
      );
      machine.letGo();
      return where;
    },
  },
  {
    name: 'containerd-db-deleted',
    run: async ({ machine }) =>
      void machine.sh(`rm ${databaseOfContainerd}; pkill -9 -x containerd`),
  },
  {
    name: 'hostname-change',
    run: async ({ machine, rng }) => {
      const name = `renamed-${rng.between(1, 999)}`;
      machine.sh(`hostname ${name}`);
      machine.signal('KILL', 'skiff');
      return name;
    },
  },
  {
    name: 'power-cut',
    run: async ({ machine }) => {
      machine.node.powerCut();
      await machine.start();
    },
  },
];
