import { spawn, type ChildProcess } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ok, run, runBeside, until, type Result } from './commands.ts';

export { ok, run, runBeside, until, type Result } from './commands.ts';

const here = dirname(fileURLToPath(import.meta.url));
export const root = join(here, '../..');
const cgroupControllers = [
  'cpu',
  'cpuacct',
  'cpuset',
  'memory',
  'devices',
  'freezer',
  'blkio',
  'pids',
  'systemd',
  'unified',
];
const numbers = 200;
let made = 0;
const claims = '/run/skiff-test-numbers';
const claimed = new Set<string>();
process.once('exit', () => {
  for (const path of claimed) giveBack(path);
});

/**
 * One machine of a test: namespaces of its own, a disk that outlives it, a network link to the
 * host.
 */
export class TestNode {
  readonly name: string;
  readonly disk: string;
  readonly ip: string;
  readonly hostIp: string;
  readonly #netns: string;
  readonly #link: string;
  #init: ChildProcess | undefined;
  #initPid = 0;
  readonly #small: boolean;
  readonly #image: string;

  /**
   * With `megabytes`, its state lies on a file system of that size: in memory, or with `ext4` one
   * that can break as a real one does.
   */
  constructor(
    name = 'node1',
    { megabytes, ext4 = false }: { megabytes?: number | undefined; ext4?: boolean } = {},
  ) {
    const n = freeNumber();
    this.name = name;
    this.#netns = `skiff-e2e-${process.pid}-${made}`;
    this.#link = `ske${n}`;
    this.ip = `172.31.${n}.1`;
    this.hostIp = `172.31.${n}.254`;
    // In memory, unless a measurement wants a real disk.
    this.disk = mkdtempSync(
      join(
        process.env['SKIFF_TEST_DISK'] || (existsSync('/dev/shm') ? '/dev/shm' : tmpdir()),
        'skiff-e2e-',
      ),
    );
    this.#image = join(this.disk, 'ext4.img');
    this.#small = megabytes !== undefined;
    if (!this.#small) return;
    mkdirSync(join(this.disk, 'var'));
    if (ext4) {
      ok(['truncate', '-s', `${megabytes}M`, this.#image]);
      ok(['mkfs.ext4', '-q', '-E', 'lazy_itable_init=0,lazy_journal_init=0', this.#image]);
      this.mountDisk();
      return;
    }
    ok([
      'mount',
      '-t',
      'tmpfs',
      '-o',
      `size=${megabytes}m,mode=755`,
      'skiff-small',
      join(this.disk, 'var'),
    ]);
  }

  /** The machine is off: its ext4 is checked, as an operating system does at boot, and mounted. */
  mountDisk(): void {
    const at = join(this.disk, 'var');
    // Another test's machine may hold a copy of the mount, and with it the file system as it broke.
    if (run(['umount', '-l', at]).code === 0) {
      ok(['cp', '--sparse=always', this.#image, `${this.#image}.new`]);
      ok(['mv', `${this.#image}.new`, this.#image]);
    }
    // 1: something was mended.
    const checked = run(['fsck.ext4', '-p', this.#image]);
    if (checked.code > 1) throw new Error(`fsck.ext4: ${checked.stdout}${checked.stderr}`);
    ok(['mount', '-o', 'loop', this.#image, at]);
  }

  /** The ext4 meets an error while it is used: it takes no writes until the machine boots again. */
  breakDisk(): void {
    // The image was unpacked a moment ago; containerd 1.6 leaves it to the kernel when it is safe.
    ok(['sync', '-f', join(this.disk, 'var')]);
    ok(['mount', '-o', 'remount,abort', join(this.disk, 'var')]);
  }

  /** The host's end of the machine's network link. */
  get link(): string {
    return this.#link;
  }

  /** Boots the machine; nothing of skiff runs yet. */
  async boot(): Promise<void> {
    const ip = (...args: string[]): string => ok(['ip', ...args]);
    // This machine is the router between the nodes.
    ok(['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
    ip('netns', 'add', this.#netns);
    ip('link', 'add', this.#link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', this.#netns);
    ip('addr', 'add', `${this.hostIp}/24`, 'dev', this.#link);
    ip('link', 'set', this.#link, 'up');
    ip('-n', this.#netns, 'addr', 'add', `${this.ip}/24`, 'dev', 'eth0');
    ip('-n', this.#netns, 'link', 'set', 'eth0', 'up');
    ip('-n', this.#netns, 'link', 'set', 'lo', 'up');
    ip('-n', this.#netns, 'route', 'add', 'default', 'via', this.hostIp);
    const unshare =
      'exec setsid nsenter --net="/run/netns/$2" unshare --mount --uts --ipc --pid --cgroup ' +
      '--fork --kill-child=KILL --propagation private bash "$3" "$4" "$5"';
    const log = openSync(join(this.disk, 'boot.log'), 'a');
    this.#init = spawn(
      'bash',
      [
        '-c',
        `${this.#joinCgroups()}; ${unshare}`,
        'boot',
        this.#netns,
        this.#netns,
        join(here, 'node-start.sh'),
        this.name,
        this.disk,
      ],
      { stdio: ['ignore', log, log] },
    );
    this.#initPid = await until('the node boots', () => this.#findInit(), {
      timeoutMs: 20_000,
      seen: () => readFileSync(join(this.disk, 'boot.log'), 'utf8'),
    });
  }

  /** Shell text that puts the caller into the node's own cgroups. */
  #joinCgroups(): string {
    const name = this.#netns;
    return `if [ -f /sys/fs/cgroup/cgroup.controllers ]; then mkdir -p /sys/fs/cgroup/${name}; echo $BASHPID > /sys/fs/cgroup/${name}/cgroup.procs; else
      for c in ${cgroupControllers.join(' ')}; do [ -d /sys/fs/cgroup/$c ] || continue; mkdir -p /sys/fs/cgroup/$c/${name}
        [ $c = cpuset ] && { cat /sys/fs/cgroup/cpuset/cpuset.cpus > /sys/fs/cgroup/cpuset/${name}/cpuset.cpus; cat /sys/fs/cgroup/cpuset/cpuset.mems > /sys/fs/cgroup/cpuset/${name}/cpuset.mems; }
        echo $BASHPID > /sys/fs/cgroup/$c/${name}/cgroup.procs; done; fi`;
  }

  /** The host's pid of the node's process 1, once it is up. */
  #findInit(): number | undefined {
    for (const pid of descendants(this.#init?.pid ?? 0)) {
      if (run(['nsenter', '-t', String(pid), '-m', 'test', '-e', '/run/node-is-up']).code === 0) {
        const status = readFileSync(`/proc/${pid}/status`, 'utf8');
        if (/^NSpid:\s+\d+\s+1$/m.test(status)) return pid;
      }
    }
    return undefined;
  }

  /** The host's pid of the node's process 1. */
  get pid(): number {
    return this.#initPid;
  }

  /** Runs a command inside the node. */
  exec(command: string[], options?: Parameters<typeof run>[1]): Result {
    return run(this.#inside(command), options);
  }

  /**
   * Runs a command that sees the node and is not among its control groups: to look at it, or to
   * harm it. A move between groups waits for every process that is being made or ends, on a busy
   * machine for seconds.
   */
  look(command: string[], options?: Parameters<typeof run>[1]): Result {
    return run(this.#seeing(command), options);
  }

  /** As `look`, while others run too. */
  lookBeside(command: string[], options?: { timeoutMs?: number }): Promise<Result> {
    return runBeside(this.#seeing(command), options);
  }

  /** Starts a program inside the node that stays; its output goes to a file on the node's disk. */
  start(command: string[], logName: string, env: Record<string, string> = {}): ChildProcess {
    const log = openSync(join(this.disk, logName), 'a');
    return spawn('setsid', this.#inside(command), {
      stdio: ['ignore', log, log],
      env: { ...process.env, ...env },
      detached: true,
    });
  }

  #seeing(command: string[]): string[] {
    return ['nsenter', '-t', String(this.#initPid), '-a', '--', ...command];
  }

  #inside(command: string[]): string[] {
    return [
      'bash',
      '-c',
      `${this.#joinCgroups()}; exec nsenter -t ${this.#initPid} -a -- "$@"`,
      'inside',
      ...command,
    ];
  }

  /** Takes the machine's cable out, or puts it in again. */
  cable(state: 'up' | 'down'): void {
    ok(['ip', 'link', 'set', this.#link, state]);
  }

  /** Every process of the machine dies at once and its memory is gone; the disk stays. */
  powerCut(): void {
    run(['ip', 'link', 'set', this.#link, 'down']);
    // Its first process is a zombie only when all others are gone: until then they hold their
    // files.
    if (this.#initPid)
      run([
        'bash',
        '-c',
        'kill -9 $0; for i in $(seq 200); do grep -q "^State:.[^Z]" /proc/$0/status ' +
          '2>/dev/null || break; sleep 0.05; done',
        String(this.#initPid),
      ]);
    // One that is still booting has no first process that is known; its parent takes it along.
    else this.#init?.kill('SIGKILL');
    this.#initPid = 0;
    run(['ip', 'netns', 'del', this.#netns]);
    run(['ip', 'link', 'del', this.#link]);
  }

  /** Ends the machine and, unless a test failed, its disk. */
  destroy(options: { keepLogs: boolean }): void {
    this.powerCut();
    if (options.keepLogs) {
      mkdirSync(join(here, 'logs'), { recursive: true });
      for (const file of ['server.log', 'agent.log', 'boot.log']) {
        if (existsSync(join(this.disk, file)))
          copyFileSync(
            join(this.disk, file),
            join(here, 'logs', `${this.name}-${process.pid}-${file}`),
          );
      }
    }
    if (this.#small) run(['umount', '-l', join(this.disk, 'var')]);
    rmSync(this.disk, { recursive: true, force: true });
    giveBack(join(claims, this.#link.replace('ske', '')));
    for (const c of [...cgroupControllers, ''])
      run([
        'bash',
        '-c',
        `find /sys/fs/cgroup/${c ? `${c}/` : ''}${this.#netns} -depth -type d -exec rmdir {} ` +
          '+ 2>/dev/null',
      ]);
  }
}

/**
 * A number that no other node on this machine has, of this run or another's: it stands in its
 * link's name and its addresses.
 */
function freeNumber(): number {
  for (let tries = 0; tries < numbers; tries++) {
    const n = 10 + ((process.pid + made++) % numbers);
    if (!existsSync(`/sys/class/net/ske${n}`) && claim(n)) return n;
  }
  throw new Error('every number of a test node is taken: "ip link" shows who has them');
}

/** Two files of tests run at a time, and a node has no link before it boots. */
function claim(n: number): boolean {
  mkdirSync(claims, { recursive: true });
  const path = join(claims, String(n));
  const holder = existsSync(path) ? readFileSync(path, 'utf8') : '';
  if (holder && holder !== String(process.pid) && !existsSync(`/proc/${holder}`)) rmSync(path);
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' });
  } catch {
    return false;
  }
  claimed.add(path);
  return true;
}

function giveBack(path: string): void {
  if (claimed.delete(path)) rmSync(path, { force: true });
}

function descendants(pid: number): number[] {
  const kids = run(['pgrep', '-P', String(pid)])
    .stdout.split('\n')
    .filter(Boolean)
    .map(Number);
  return [...kids, ...kids.flatMap(descendants)];
}

/** A kubectl that is new enough (setup.ts finds it, on a machine without one, too). */
export const kubectlProgram = (): string => process.env['SKIFF_TEST_KUBECTL'] ?? 'kubectl';

/** A node that runs `skiff server`, driven from the host with kubectl. */
export class TestCluster {
  readonly node: TestNode;
  readonly kubeconfig: string;
  #flags: string[] = [];
  #address: string;

  constructor(name?: string, options?: { megabytes?: number; ext4?: boolean }) {
    this.node = new TestNode(name, options);
    this.kubeconfig = join(this.node.disk, 'kubeconfig');
    this.#address = this.node.ip;
  }

  /**
   * Boots the machine, puts images where the agent imports them, starts the server and waits until
   * the node is Ready.
   */
  async up(options: { images?: string[]; flags?: string[] } = {}): Promise<void> {
    await this.launch(options);
    await this.ready();
  }

  /** As `up`, without waiting for anything. */
  async launch(
    options: { images?: string[]; flags?: string[]; start?: boolean } = {},
  ): Promise<void> {
    this.#flags = options.flags ?? [];
    await this.node.boot();
    const images = join(this.node.disk, 'var/lib/skiff/agent/images');
    mkdirSync(images, { recursive: true });
    for (const file of options.images ?? [])
      copyFileSync(file, join(images, file.split('/').at(-1) as string));
    if (options.start !== false) this.startServer();
  }

  /** Starts the server as it was started before, or with these flags. */
  startServer(flags?: string[], env: Record<string, string> = {}): void {
    this.#flags = flags ?? this.#flags;
    const shell = 'echo $$ > /run/skiff-server.pid; exec "$@"';
    this.node.start(
      [
        'bash',
        '-c',
        shell,
        'server',
        process.env['SKIFF_TEST_BINARY'] ?? join(root, 'dist/skiff'),
        'server',
        ...this.#flags,
      ],
      'server.log',
      env,
    );
  }

  /** Ends the server process; containers stay. */
  killServer(signal: 'KILL' | 'TERM'): void {
    this.node.exec(['bash', '-c', `kill -${signal} $(cat /run/skiff-server.pid)`]);
  }

  /** Asks the server to end, and waits until its process is gone. */
  async stopServer(): Promise<void> {
    this.killServer('TERM');
    await until(
      'the server has ended',
      () => this.node.exec(['bash', '-c', 'kill -0 $(cat /run/skiff-server.pid)']).code !== 0,
    );
  }

  /** Waits until the API server is ready, whether there is a node or not. */
  async answers(timeoutMs = 60_000): Promise<void> {
    const seen = (): string => `\n${this.log().split('\n').slice(-25).join('\n')}`;
    const source = join(this.node.disk, 'etc/skiff/skiff.yaml');
    await until('the admin kubeconfig is written', () => existsSync(source), { timeoutMs, seen });
    this.useAddress(this.#address);
    await until(
      'the API server is ready',
      () => this.kubectl(['get', '--raw', '/readyz'], { timeoutMs: 5_000 }).stdout === 'ok',
      { timeoutMs, seen },
    );
  }

  /** Where kubectl finds the server. */
  get address(): string {
    return this.#address;
  }

  /**
   * The machine has another address than at its start, or the server another certificate for us.
   */
  useAddress(address: string): void {
    this.#address = address;
    const text = readFileSync(join(this.node.disk, 'etc/skiff/skiff.yaml'), 'utf8').replace(
      /https:\/\/127\.0\.0\.1:/,
      `https://${address}:`,
    );
    writeFileSync(this.kubeconfig, text, { mode: 0o600 });
  }

  async ready(timeoutMs = 60_000): Promise<void> {
    const seen = (): string => `\n${this.log().split('\n').slice(-25).join('\n')}`;
    await this.answers(timeoutMs);
    const status = '{.items[*].status.conditions[?(@.type=="Ready")].status}';
    await until(
      'the node is Ready',
      () => this.kubectl(['get', 'nodes', '-o', `jsonpath=${status}`]).stdout.trim() === 'True',
      { timeoutMs, seen },
    );
    await until(
      'the default service account is there',
      () => this.kubectl(['get', 'sa', 'default']).code === 0,
      { timeoutMs, seen },
    );
  }

  /** Where other machines find the server. */
  get url(): string {
    return `https://${this.node.ip}:6443`;
  }

  /** What lets another machine join. */
  token(file = 'agent-token'): string {
    return readFileSync(join(this.node.disk, 'var/lib/skiff/server', file), 'utf8').trim();
  }

  /** A field of an object, such as `.status.phase` of `pvc data`; '' when there is none. */
  field(what: string, path: string): string {
    return this.kubectl(['get', ...what.split(' '), '-o', `jsonpath={${path}}`]).stdout;
  }

  nodeIsReady(name: string): boolean {
    const status = '{.status.conditions[?(@.type=="Ready")].status}';
    return this.kubectl(['get', 'node', name, '-o', `jsonpath=${status}`]).stdout === 'True';
  }

  log(): string {
    const file = join(this.node.disk, 'server.log');
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  kubectl(args: string[], options?: Parameters<typeof run>[1]): Result {
    return run([kubectlProgram(), ...args], {
      ...options,
      env: { ...options?.env, KUBECONFIG: this.kubeconfig },
    });
  }

  /** kubectl that must succeed. */
  k(...args: string[]): string {
    return ok([kubectlProgram(), ...args], { env: { KUBECONFIG: this.kubeconfig } });
  }

  apply(yaml: string, ...more: string[]): string {
    return ok([kubectlProgram(), 'apply', ...more, '-f', '-'], {
      input: yaml,
      env: { KUBECONFIG: this.kubeconfig },
    });
  }

  json<T>(...args: string[]): T {
    return JSON.parse(this.k('get', ...args, '-o', 'json')) as T;
  }

  down(failed: boolean): void {
    if (failed) appendFileSync(join(this.node.disk, 'server.log'), '\n--- test failed ---\n');
    this.node.destroy({ keepLogs: failed });
  }
}
