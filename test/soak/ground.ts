import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { busybox } from '../e2e/images.ts';
import { kubectlProgram, root, TestNode, type Result } from '../e2e/node.ts';

/** As the service's unit does, only sooner: whatever ends is started again. */
const supervise =
  'while :; do "$@" & echo $! > /run/skiff-server.pid; wait $!; echo "--- ended with $? ' +
  '---"; sleep 1; done';
const binary = process.env['SKIFF_TEST_BINARY'] ?? join(root, 'dist/skiff');
/** Room for state of the machine: small, so that it can be filled in no time. */
const diskMegabytes = 512;

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

  constructor(name: string, flags: string[]) {
    this.name = name;
    this.node = new TestNode(name, { megabytes: diskMegabytes });
    this.ip = this.node.ip;
    this.flags = flags;
  }

  get stateDir(): string {
    return join(this.node.disk, 'var/lib/skiff');
  }

  async start(staticPod?: string): Promise<void> {
    await this.node.boot();
    this.ip = this.node.ip;
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
      [
        'bash',
        '-c',
        supervise,
        'supervise',
        binary,
        'server',
        '--node-name',
        this.name,
        ...this.flags,
      ],
      'server.log',
    );
  }

  /** Text from inside the node; what fails is empty. */
  sh(script: string, timeoutMs = 10_000): string {
    return this.node.exec(['bash', '-c', script], { timeoutMs }).stdout;
  }

  signal(signal: string, program: 'skiff' | 'containerd'): void {
    this.sh(
      `kill -${signal} $(cat ` +
        `${program === 'skiff' ? '/run/skiff-server.pid' : '/run/skiff/containerd.pid'})`,
    );
  }

  kubectl(args: string[], options: { input?: string; timeoutMs?: number } = {}): Result {
    return this.node.exec([kubectlProgram(), '--kubeconfig', '/etc/skiff/skiff.yaml', ...args], {
      timeoutMs: 15_000,
      ...options,
    });
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
