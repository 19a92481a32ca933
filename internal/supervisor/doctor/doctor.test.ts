import { describe, expect, it } from 'vitest';
import { partOf } from '../../base/testing/part-of.ts';
import type { Clock } from '../../io/clock.ts';
import type { Disk } from '../../io/disk.ts';
import { fakeHost } from '../../io/host.fake.ts';
import { realRandom } from '../../io/random.ts';
import { FakeProcesses } from '../../io/processes.fake.ts';
import type { ProcessInfo } from '../../io/processes.ts';
import type { Finished } from '../../io/spawn.ts';
import { issueCa } from '../../pki/certificate.ts';
import type { Check, Patient } from './check.ts';
import { examine, mend } from './doctor.ts';

const gibibyte = 1024 ** 3;
const dataDir = '/var/lib/skiff';

/** A machine on which all is well, in memory. */
class FakeMachine {
  files: Record<string, string> = {
    '/proc/net/route':
      'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n' +
      'eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n',
    '/etc/resolv.conf': 'nameserver 192.168.1.1\n',
    '/proc/filesystems': 'nodev\ttmpfs\nnodev\toverlay\n',
    '/sys/fs/cgroup/cgroup.controllers': 'cpu memory pids\n',
    '/proc/self/ns/net': '',
    '/proc/net/tcp': '  sl\n   0: 00000000:0016 00000000:0000 0A 0\n',
    '/proc/sys/fs/inotify/max_user_instances': '8192\n',
    '/usr/lib/cni/ptp': '',
    [`${dataDir}/server`]: '',
  };
  programs = new Set(['containerd', 'runc', 'nft', 'conntrack', 'ip', 'mount', 'apt-get']);
  outputs: Record<string, string> = { 'nft --json list chains': '{"nftables":[]}' };
  codes: Record<string, number> = {};
  nowMs = Date.parse('2026-12-01');
  syncMs = 3;
  free = { availableBytes: 50 * gibibyte, inodesFree: 900 };
  ran: string[] = [];
  running: ProcessInfo[] = [];
  #monotonicMs = 0;

  constructor() {
    for (const name of this.programs) this.files[`/usr/bin/${name}`] = '';
  }

  without(name: string): void {
    this.programs.delete(name);
    delete this.files[`/usr/bin/${name}`];
  }

  get patient(): Patient {
    const below = (path: string): string[] =>
      Object.keys(this.files).filter((name) => name === path || name.startsWith(`${path}/`));
    const disk = partOf<Disk>({
      readIfThere: (_op, path) => {
        const text = this.files[path];
        return Promise.resolve(text === undefined ? undefined : Buffer.from(text));
      },
      read: (_op, path) => Promise.resolve(Buffer.from(this.files[path] ?? '')),
      stat: (_op, path) =>
        Promise.resolve(
          below(path).length > 0
            ? partOf<NonNullable<Awaited<ReturnType<Disk['stat']>>>>({ kind: 'file' })
            : undefined,
        ),
      list: (_op, path) =>
        Promise.resolve([
          ...new Set(below(path).map((name) => name.slice(path.length + 1).split('/')[0] ?? '')),
        ]),
      writeAtomic: () => {
        this.#monotonicMs += this.syncMs;
        return Promise.resolve();
      },
      remove: (_op, path) => {
        for (const name of below(path)) delete this.files[name];
        return Promise.resolve();
      },
    });
    const run = (_op: string, command: string[]): Promise<Finished> => {
      const words = command.join(' ');
      this.ran.push(words);
      const known = this.programs.has(command[0] ?? '') || words in this.outputs;
      if (!known && !['modprobe', 'sysctl'].includes(command[0] ?? ''))
        return Promise.reject(new Error('no such program'));
      if (command[0] === 'apt-get' && command[1] === 'install') {
        const name = { nftables: 'nft' }[command.at(-1) ?? ''] ?? command.at(-1) ?? '';
        this.programs.add(name);
        this.files[`/usr/bin/${name}`] = '';
      }
      if (words.startsWith('ip link delete')) delete this.files[`/sys/class/net/${command[3]}`];
      if (words === 'modprobe overlay') this.files['/proc/filesystems'] = 'nodev\toverlay\n';
      return Promise.resolve({
        code: this.codes[words] ?? 0,
        signal: undefined,
        stdout: Buffer.from(this.outputs[words] ?? ''),
        stderr: '',
      });
    };
    return {
      dataDir,
      doors: {
        disk,
        spawn: { run, start: () => expect.unreachable() },
        host: fakeHost(),
        processes: new FakeProcesses(this.running),
        clock: partOf<Clock>({
          now: () => this.nowMs,
          earliestMs: () => Date.parse('2026-11-01'),
          monotonicMs: () => this.#monotonicMs,
        }),
        room: () => Promise.resolve({ capacityBytes: 100 * gibibyte, inodes: 1000, ...this.free }),
      },
    };
  }
}

const faults = (checks: Check[]): string[] =>
  checks
    .filter(({ state }) => state !== 'ok')
    .map(({ what, state, fix }) => `${state} ${what}: ${fix}`);
const chain = (more: object): string =>
  JSON.stringify({
    nftables: [{ chain: { family: 'ip', table: 'filter', name: 'FORWARD', ...more } }],
  });
const authority = (lifeMs: number): string =>
  issueCa({ nowMs: Date.parse('2026-01-01'), random: realRandom, cn: 'x', lifeMs }).cert;

describe('doctor', () => {
  it('finds nothing on a machine where all is well', async () => {
    const machine = new FakeMachine();
    const checks = await examine(machine.patient);
    expect(faults(checks)).toEqual([]);
    expect(checks.length).toBeGreaterThan(15);
  });

  it.each<[string, (machine: FakeMachine) => void, RegExp]>([
    ['containerd', (m) => m.without('containerd'), /bad program containerd: .*package containerd/],
    ['the plug-in', (m) => delete m.files['/usr/lib/cni/ptp'], /bad CNI .*networking-plugins/],
    [
      'the memory cgroup',
      (m) => (m.files['/sys/fs/cgroup/cgroup.controllers'] = 'cpu pids\n'),
      /bad memory cgroup \(v2\): .*cgroup_enable=memory/,
    ],
    [
      'nftables',
      (m) => (m.codes['nft list tables'] = 1),
      /bad nftables in the kernel: .*CONFIG_NF_TABLES/,
    ],
    [
      'reverse paths',
      (m) => (m.codes['nft --check --file -'] = 1),
      /bad reverse paths.*--disable-network-policy/,
    ],
    [
      'overlayfs',
      (m) => (m.files['/proc/filesystems'] = 'nodev\ttmpfs\n'),
      /note overlayfs: modprobe overlay/,
    ],
    [
      'a route',
      (m) => (m.files['/proc/net/route'] = 'Iface\tDestination\n'),
      /note default route: .*--node-ip/,
    ],
    [
      'name servers of others',
      (m) => (m.files['/etc/resolv.conf'] = 'nameserver 127.0.0.53\n'),
      /note name servers: .*--resolv-conf/,
    ],
    ['any name server', (m) => delete m.files['/etc/resolv.conf'], /note name servers: .*none/],
    ['the right time', (m) => (m.nowMs = 0), /bad clock: it says 1970.*set it/],
    [
      'room',
      (m) => (m.free.availableBytes = gibibyte / 2),
      /note room in \/var\/lib\/skiff: 512 MiB are free/,
    ],
    ['inodes', (m) => (m.free.inodesFree = 3), /note inodes in/],
    ['a fast disk', (m) => (m.syncMs = 250), /note writes that are kept: .*up to 250 ms/],
    [
      'port 6443',
      (m) => (m.files['/proc/net/tcp6'] = '0: 00:192B 00:0000 0A'),
      /bad port 6443: .*--https-listen-port/,
    ],
    [
      'port 10250',
      (m) => (m.files['/proc/net/tcp'] = '0: 00:280A 00:0000 0A'),
      /bad port 10250: somebody else listens/,
    ],
    [
      'a way for pods',
      (m) => (m.outputs['nft --json list chains'] = chain({ hook: 'forward', policy: 'drop' })),
      /note firewalls of others: chain ip filter FORWARD .*10\.42\.0\.0/,
    ],
    [
      'a way in',
      (m) => (m.outputs['nft --json list chains'] = chain({ hook: 'input', policy: 'drop' })),
      /note firewalls of others: .*TCP 6443 and UDP 8472/,
    ],
    [
      'freedom from k3s',
      (m) => (m.files['/var/lib/rancher/k3s/server/db'] = ''),
      /note state of k3s: .*k3s-uninstall\.sh/,
    ],
    [
      'freedom from kubeadm',
      (m) => (m.files['/etc/kubernetes/manifests/etcd.yaml'] = ''),
      /note state of kubeadm: .*kubeadm reset/,
    ],
    [
      "freedom from another's links",
      (m) => (m.files['/sys/class/net/cni0'] = ''),
      /bad network link cni0: .*ip link delete cni0/,
    ],
    [
      'certificates that are good',
      (m) => (m.files[`${dataDir}/agent/client-kubelet.crt`] = authority(1000)),
      /bad certificates: .*client-kubelet\.crt has ended.*certificate rotate/,
    ],
    [
      'certificates that are whole',
      (m) => (m.files[`${dataDir}/server/tls/client-admin.crt`] = '-----BEGIN'),
      /bad certificates: .*client-admin\.crt has ended or been damaged/,
    ],
    [
      'an authority',
      (m) => (m.files[`${dataDir}/server/tls/server-ca.crt`] = authority(1000)),
      /bad certificates: .*put it back from a copy.*rotate-ca/,
    ],
    [
      'a NetworkManager that keeps away',
      (m) => {
        m.outputs['nmcli --terse --fields RUNNING general'] = 'running\n';
        m.outputs['NetworkManager --print-config'] = '[main]\n';
      },
      /note NetworkManager: .*unmanaged-devices/,
    ],
    [
      'inotify instances',
      (m) => (m.files['/proc/sys/fs/inotify/max_user_instances'] = '128\n'),
      /note inotify instances: 128 are few/,
    ],
  ])('names what is wrong on a machine that lacks %s', async (_what, spoil, expected) => {
    const machine = new FakeMachine();
    spoil(machine);
    const found = faults(await examine(machine.patient));
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(expected);
    // It only looks.
    expect(machine.ran.filter((words) => /install|delete|modprobe|-w/.test(words))).toEqual([]);
  });

  it("takes what is skiff's own for no fault", async () => {
    const machine = new FakeMachine();
    machine.files['/sys/class/net/flannel.1'] = '';
    machine.files[`${dataDir}/ledger`] = '{"kind":"link","name":"flannel.1"}\n';
    machine.files['/proc/net/tcp'] = '0: 00:192B 00:0000 0A\n1: 00:280A 00:0000 0A';
    machine.running = [{ pid: 7, parent: 1, command: ['/usr/local/bin/skiff', 'server'] }];
    machine.outputs['nft --json list chains'] = chain({
      ...{ table: 'skiff', hook: 'forward', policy: 'drop' },
    });
    expect(faults(await examine(machine.patient))).toEqual([]);
  });

  it('mends what it can, and says what stays', async () => {
    const machine = new FakeMachine();
    machine.without('nft');
    machine.files['/sys/class/net/cni0'] = '';
    machine.files['/proc/filesystems'] = '';
    machine.files[`${dataDir}/agent/client-kubelet.crt`] = authority(1000);
    machine.files['/proc/net/tcp6'] = '0: 00:192B 00:0000 0A';
    const { done, now } = await mend(machine.patient);
    expect(done).toEqual([
      'program nft: done',
      'overlayfs: done',
      'network link cni0: done',
      'certificates: done',
    ]);
    expect(faults(now)).toEqual([expect.stringMatching(/^bad port 6443/)]);
    expect(machine.ran).toContain('ip link delete cni0');
  });

  it('does not end with a check that fails itself', async () => {
    const machine = new FakeMachine();
    machine.outputs['nft --json list chains'] = 'no JSON';
    const found = faults(await examine(machine.patient));
    expect(found).toEqual([expect.stringMatching(/^note the machine: not all was asked/)]);
  });
});
