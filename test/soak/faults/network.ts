import type { Machine } from '../ground.ts';
import { namespace } from '../workload.ts';
import { seconds, type Fault, type Scene } from './fault.ts';

const defaultRoute = (machine: Machine): string =>
  `ip route replace default via ${machine.node.hostIp}`;

const cut =
  (low: number, high: number) =>
  async (scene: Scene): Promise<string> => {
    const { machine } = scene;
    const { s, pass } = seconds(scene, low, high);
    machine.node.cable('down');
    await pass();
    machine.node.cable('up');
    // The kernel drops a route whose link goes; on a real machine a DHCP client brings it back.
    machine.sh(defaultRoute(machine));
    return `${s} s`;
  };

export const networkFaults: Fault[] = [
  { name: 'cable-cut', run: cut(3, 15) },
  // Longer than a node may be silent.
  { name: 'cable-cut-long', only: 'several', run: cut(45, 70) },
  {
    // Two machines do not see each other; a third sees both.
    name: 'partition',
    only: 'several',
    run: async (scene) => {
      const { machine, machines, rng } = scene;
      const other = rng.of(machines.filter((m) => m !== machine)) as Machine;
      const { s, pass } = seconds(scene, 10, 40);
      machine.sh(`ip route add blackhole ${other.ip}/32`);
      await pass();
      machine.sh(`ip route del blackhole ${other.ip}/32`);
      return `from ${other.name}, ${s} s`;
    },
  },
  {
    name: 'address-change',
    run: async ({ machine }) => {
      const before = machine.ip;
      machine.ip = before.replace(/\d+$/, (last) => String((Number(last) % 200) + 1));
      machine.sh(
        `ip addr add ${machine.ip}/24 dev eth0; ip addr del ${before}/24 dev eth0; ip addr ` +
          `add ${machine.ip}/24 dev eth0; ${defaultRoute(machine)}`,
      );
      return `${before} -> ${machine.ip}`;
    },
  },
  {
    name: 'network-late',
    run: async (scene) => {
      const { machine } = scene;
      const { s, pass } = seconds(scene, 3, 20);
      machine.node.powerCut();
      await machine.start({ first: 'ip addr flush dev eth0' });
      await pass();
      machine.sh(`ip addr add ${machine.ip}/24 dev eth0; ${defaultRoute(machine)}`);
      return `${s} s`;
    },
  },
  {
    name: 'address-away',
    run: async (scene) => {
      const { machine } = scene;
      const { s, pass } = seconds(scene, 3, 15);
      machine.sh('ip addr flush dev eth0');
      await pass();
      machine.sh(`ip addr add ${machine.ip}/24 dev eth0; ${defaultRoute(machine)}`);
      return `${s} s`;
    },
  },
  { name: 'nft-flush', run: async ({ machine }) => void machine.sh('nft flush ruleset') },
  {
    // Nobody is there to notice.
    name: 'nft-flush-while-away',
    run: async ({ machine }) => {
      machine.hold();
      machine.signal('KILL', 'skiff');
      machine.sh('nft flush ruleset');
      machine.letGo();
    },
  },
  {
    name: 'forwarding-off',
    run: async ({ machine }) => void machine.sh('echo 0 > /proc/sys/net/ipv4/ip_forward'),
  },
  {
    name: 'dns-address-gone',
    run: async ({ machine }) => void machine.sh('ip addr del 10.43.0.10/32 dev lo'),
  },
  {
    name: 'overlay-gone',
    only: 'several',
    run: async ({ machine }) => void machine.sh('ip link del flannel.1'),
  },
  {
    name: 'overlay-down',
    only: 'several',
    run: async ({ machine, rng }) => {
      const how = rng.of(['ip route flush dev flannel.1', 'ip link set flannel.1 down']) as string;
      machine.sh(how);
      return how;
    },
  },
  {
    name: 'cni-fails',
    run: async ({ machine, sleep }) => {
      // IPAM's folder becomes a file while a pod is made again.
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
];
