import { join } from 'node:path';
import type { Machine } from './ground.ts';
import type { Rng } from './rng.ts';
import { namespace } from './workload.ts';

export interface Scene {
  machine: Machine;
  rng: Rng;
  /** Applies another page; the walk remembers what it should say. */
  turnPage(): void;
  sleep(ms: number): Promise<void>;
  /** Starts the machine's server again after its end, as the boot of a machine would. */
  boot(): Promise<void>;
}

export interface Fault {
  name: string;
  /** Only where one machine is the whole cluster. */
  alone?: boolean;
  /** Resolves when the world is as it was, and healing can begin. Returns what was hit. */
  run(scene: Scene): Promise<string | void>;
}

/** Patterns begin with a letter in brackets, or they would find the shell that looks for them. */
const pidsOf = (machine: Machine, pattern: string): string[] =>
  machine.sh(`pgrep -f '${pattern}'`).split('\n').filter(Boolean);

/** Kills one process that fits. */
function kill({ machine, rng }: Scene, pattern: string): string {
  const pid = rng.of(pidsOf(machine, pattern));
  if (pid === undefined) return 'found none';
  const what = machine.sh(`tr '\\0' ' ' < /proc/${pid}/cmdline | cut -c1-120`);
  machine.sh(`kill -9 ${pid}`);
  return what.trim();
}

const stop =
  (program: 'skiff' | 'containerd', seconds: [number, number]) =>
  async ({ machine, rng, sleep }: Scene): Promise<string> => {
    const s = rng.between(...seconds);
    machine.signal('STOP', program);
    await sleep(s * 1000);
    machine.signal('CONT', program);
    return `${s} s`;
  };

/** Writes until nothing more goes in. */
const fill = (machine: Machine): void =>
  void machine.sh(
    'cd /var/lib/skiff && (dd if=/dev/zero of=ballast bs=1M; dd if=/dev/zero of=ballast2 ' +
      'bs=1k) 2>/dev/null; :',
    60_000,
  );
const free = (machine: Machine): void =>
  void machine.sh('rm -f /var/lib/skiff/ballast /var/lib/skiff/ballast2');

/** Somebody else has a port when the server comes back. */
async function takePort({ machine, rng, sleep }: Scene): Promise<string> {
  const port = rng.of([6443, 10250]) ?? 6443;
  machine.signal('KILL', 'skiff');
  const listen =
    'import ' +
    `socket,time;s=socket.socket();s.setsockopt(1,2,1);s.bind(("0.0.0.0",${port}));s.listen();` +
    'time.sleep(8)';
  machine.node.start(['python3', '-c', listen], 'port.log');
  await sleep(9_000);
  return String(port);
}

export const faults: Fault[] = [
  { name: 'kill-skiff', run: async ({ machine }) => machine.signal('KILL', 'skiff') },
  { name: 'end-skiff', run: async ({ machine }) => machine.signal('TERM', 'skiff') },
  { name: 'kill-containerd', run: async ({ machine }) => machine.signal('KILL', 'containerd') },
  {
    name: 'kill-both',
    run: async ({ machine }) =>
      machine.sh('kill -9 $(cat /run/skiff-server.pid /run/skiff/containerd.pid)'),
  },
  { name: 'kill-shim', run: async (scene) => kill(scene, '[c]ontainerd-shim-runc-v2 -namespace') },
  { name: 'kill-pause', run: async (scene) => kill(scene, '^/pause') },
  {
    name: 'kill-container',
    run: async (scene) => kill(scene, '[t]rap .exit 0. TERM; (httpd|echo)'),
  },
  { name: 'stop-skiff', run: stop('skiff', [5, 20]) },
  { name: 'stop-containerd', run: stop('containerd', [5, 20]) },
  // Nobody lets it go on: what hangs has to be found out.
  { name: 'hang-containerd', run: async ({ machine }) => machine.signal('STOP', 'containerd') },
  {
    name: 'cable-cut',
    run: async ({ machine, rng, sleep }) => {
      const s = rng.between(3, 15);
      machine.node.cable('down');
      await sleep(s * 1000);
      machine.node.cable('up');
      // The kernel drops a route whose link goes; on a real machine a DHCP client brings it back.
      machine.sh(`ip route replace default via ${machine.node.hostIp}`);
      return `${s} s`;
    },
  },
  {
    name: 'address-change',
    alone: true,
    run: async ({ machine }) => {
      const before = machine.ip;
      machine.ip = before.replace(/\d+$/, (last) => String((Number(last) % 200) + 1));
      machine.sh(
        `ip addr add ${machine.ip}/24 dev eth0; ip addr del ${before}/24 dev eth0; ip addr ` +
          `add ${machine.ip}/24 dev eth0; ip route replace default via ${machine.node.hostIp}`,
      );
      return `${before} -> ${machine.ip}`;
    },
  },
  { name: 'nft-flush', run: async ({ machine }) => void machine.sh('nft flush ruleset') },
  {
    name: 'disk-full',
    run: async ({ machine, rng, sleep }) => {
      const s = rng.between(10, 40);
      fill(machine);
      await sleep(s * 1000);
      free(machine);
      return `${s} s`;
    },
  },
  {
    name: 'disk-full-and-kill',
    run: async ({ machine, rng, sleep }) => {
      const s = rng.between(10, 20);
      fill(machine);
      machine.signal('KILL', 'skiff');
      await sleep(s * 1000);
      free(machine);
      return `${s} s`;
    },
  },
  { name: 'port-taken', run: takePort },
  {
    name: 'cni-fails',
    run: async ({ machine, sleep }) => {
      // IPAM's folder becomes a file while a pod is made anew.
      const dir = machine.sh('dirname $(find /run/skiff -type d -name cbr0 | head -1)').trim();
      machine.sh(`mv ${dir} ${dir}.aside && touch ${dir}`);
      machine.kubectl([
        '-n',
        namespace,
        'delete',
        'pod',
        '-l',
        'app=each',
        '--wait=false',
        '--grace-period=1',
      ]);
      await sleep(6_000);
      machine.sh(`rm -f ${dir} && mv ${dir}.aside ${dir}`);
    },
  },
  {
    name: 'page-after-restart',
    run: async ({ machine, turnPage, sleep }) => {
      machine.signal('KILL', 'skiff');
      await sleep(5_000);
      turnPage();
    },
  },
  { name: 'page', run: async ({ turnPage }) => turnPage() },
  // Of several servers this takes one out of the etcd, for good.
  {
    name: 'delete-node',
    alone: true,
    run: async ({ machine }) =>
      void machine.kubectl(['delete', 'node', machine.name, '--wait=false']),
  },
  {
    name: 'delete-pods',
    run: async ({ machine }) =>
      void machine.kubectl(['-n', namespace, 'delete', 'pods', '--all', '--wait=false']),
  },
  {
    name: 'delete-pods-by-force',
    run: async ({ machine }) =>
      void machine.kubectl([
        '-n',
        namespace,
        'delete',
        'pods',
        '--all',
        '--wait=false',
        '--force',
        '--grace-period=0',
      ]),
  },
  {
    name: 'delete-pods-and-kill',
    run: async ({ machine }) => {
      machine.kubectl(['-n', namespace, 'delete', 'pods', '--all', '--wait=false']);
      machine.sh('kill -9 $(cat /run/skiff-server.pid /run/skiff/containerd.pid)');
    },
  },
  {
    name: 'containers-end-while-away',
    alone: true,
    run: async ({ machine, sleep }) => {
      // The server is gone while containers end by themselves.
      machine.sh(
        'kill -STOP $(cat /run/skiff-server.pid); pkill -9 -f "[t]rap .exit 0. TERM; httpd"; ' +
          'kill -9 $(cat /run/skiff-server.pid)',
      );
      await sleep(1_000);
    },
  },
  {
    name: 'power-cut',
    run: async ({ machine, boot }) => {
      machine.node.powerCut();
      await boot();
    },
  },
];

/** What lies on the small disk, for a reader of a failed walk. */
export const diskOf = (machine: Machine): string =>
  machine.sh(`df -h ${join('/var/lib/skiff')}; du -xsh /var/lib/skiff/*`);
