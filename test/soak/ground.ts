import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { busybox } from '../e2e/images.ts';
import { kubectlProgram, root, TestNode, type Result } from '../e2e/node.ts';
import { buildWrongClock, setWrongClock, wrongClockEnv } from '../e2e/wrong-clock.ts';

/**
 * As the service's unit does, only sooner: whatever ends is started again, unless a fault wants the
 * machine without it for a while.
 */
const supervise =
  'while :; do while [ -e /run/soak-hold ]; do sleep 0.1; done; "$@" & ' +
  'echo $! > /run/skiff-server.pid; wait $!; echo "--- ended with $? ---"; sleep 1; done';
const binary = process.env['SKIFF_TEST_BINARY'] ?? join(root, 'dist/skiff');
/** Room for state of the machine: small, so that it can be filled in no time. */
const diskMegabytes = 512;

/** What shows a server a wrong clock, built once for all machines of a walk. */
let clockLibrary: string | undefined;
function wrongClock(): string {
  if (clockLibrary !== undefined) return clockLibrary;
  const folder = mkdtempSync(join(tmpdir(), 'soak-clock-'));
  process.once('exit', () => rmSync(folder, { recursive: true }));
  return (clockLibrary = buildWrongClock(folder));
}

/**
 * A machine of the walk: a node whose state lies on a small file system, and a server that is
 * started again when it ends.
 */
export class Machine {
  readonly node: TestNode;
  readonly name: string;
  flags: string[];
  /** The address it has now. */
  ip: string;
  /**
   * It began with a clock behind one that it had lived with. Which of the two was right it cannot
   * know, and may say so (for an hour: internal/supervisor/clock-guard.ts).
   */
  doubtsClock = false;

  constructor(name: string, flags: string[]) {
    this.name = name;
    this.node = new TestNode(name, { megabytes: diskMegabytes });
    this.ip = this.node.ip;
    this.flags = flags;
  }

  get stateDir(): string {
    return join(this.node.disk, 'var/lib/skiff');
  }

  /** Boots the machine and its server; `first` is run before the server is started. */
  async start({ staticPod, first }: { staticPod?: string; first?: string } = {}): Promise<void> {
    await this.node.boot();
    this.ip = this.node.ip;
    if (!existsSync(this.#clock)) this.setClock(0);
    if (first !== undefined) this.sh(first);
    const images = join(this.stateDir, 'agent/images');
    if (!existsSync(images)) {
      mkdirSync(images, { recursive: true, mode: 0o700 });
      copyFileSync(busybox(), join(images, 'busybox.tar'));
    }
    if (staticPod !== undefined) {
      mkdirSync(join(this.stateDir, 'agent/pod-manifests'), { recursive: true, mode: 0o700 });
      writeFileSync(join(this.stateDir, 'agent/pod-manifests/fixed.yaml'), staticPod);
    }
    this.node.start(
      ['bash', '-c', supervise, 'supervise', binary, 'server', ...this.flags],
      'server.log',
      wrongClockEnv(wrongClock(), this.#clock),
    );
  }

  /** On the host's disk, which the node sees: it survives power cuts, whatever happens to /var. */
  get #clock(): string {
    return join(this.node.disk, 'clock');
  }

  /** By how many seconds skiff sees another time than the world, from now on. */
  setClock(seconds: number): void {
    setWrongClock(this.#clock, seconds);
  }

  /** A server that ends stays away until `letGo`. */
  hold(): void {
    this.sh('touch /run/soak-hold');
  }

  letGo(): void {
    this.sh('rm -f /run/soak-hold');
  }

  /** Text from inside the node; what fails is empty. */
  sh(script: string, timeoutMs = 30_000): string {
    return this.node.look(['bash', '-c', script], { timeoutMs }).stdout;
  }

  signal(signal: string, program: 'skiff' | 'containerd' | 'etcd'): void {
    const pid = {
      skiff: 'cat /run/skiff-server.pid',
      containerd: 'cat /run/skiff/containerd.pid',
      etcd: 'pgrep -x etcd',
    }[program];
    this.sh(`kill -${signal} $(${pid})`);
  }

  /** The server and its etcd, if it has one; containers go on. */
  killServer(): void {
    this.sh('kill -9 $(cat /run/skiff-server.pid) $(pgrep -x etcd)');
  }

  kubectl(args: string[], options: { input?: string; timeoutMs?: number } = {}): Result {
    return this.node.look([kubectlProgram(), '--kubeconfig', '/etc/skiff/skiff.yaml', ...args], {
      timeoutMs: 15_000,
      ...options,
    });
  }

  /** As `kubectl`, while others run too. */
  kubectlBeside(args: string[]): Promise<Result> {
    return this.node.lookBeside(
      [kubectlProgram(), '--kubeconfig', '/etc/skiff/skiff.yaml', ...args],
      { timeoutMs: 15_000 },
    );
  }

  /** Keeps the log of a machine that did not heal, then takes the machine away. */
  end(keepLogsAs: string | undefined): void {
    if (keepLogsAs !== undefined) {
      mkdirSync(keepLogsAs, { recursive: true });
      for (const [from, to] of [
        ['server.log', 'server.log'],
        ['var/lib/skiff/agent/containerd/containerd.log', 'containerd.log'],
      ] as const) {
        if (existsSync(join(this.node.disk, from)))
          copyFileSync(join(this.node.disk, from), join(keepLogsAs, `${this.name}-${to}`));
      }
    }
    this.node.destroy({ keepLogs: false });
  }
}
