import { existsSync, mkdirSync, copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, TestNode, until, type TestCluster } from './node.ts';

/** A machine that runs `skiff agent`. */
export class AgentMachine {
  readonly node: TestNode;
  #flags: string[] = [];

  constructor(name: string) {
    this.node = new TestNode(name);
  }

  /** Boots the machine and puts images where the agent imports them. */
  async boot(images: string[] = []): Promise<void> {
    await this.node.boot();
    const folder = join(this.node.disk, 'var/lib/skiff/agent/images');
    mkdirSync(folder, { recursive: true });
    for (const file of images) copyFileSync(file, join(folder, file.split('/').at(-1) as string));
  }

  /** Starts the agent, as it was started before when nothing is said. */
  start(flags = this.#flags, env: Record<string, string> = {}): void {
    this.#flags = flags;
    const shell = 'echo $$ > /run/skiff-agent.pid; exec "$@"';
    const binary = process.env['SKIFF_TEST_BINARY'] ?? join(root, 'dist/skiff');
    const command = ['bash', '-c', shell, 'agent', binary, 'agent', ...flags];
    this.node.start(command, 'agent.log', env);
  }

  /** Starts the agent with what it needs to join, and waits until its node is Ready. */
  async join(cluster: TestCluster, flags: string[] = []): Promise<void> {
    this.start(['--server', cluster.url, '--token', cluster.token(), ...flags]);
    const { name } = this.node;
    await until(`node ${name} is Ready`, () => cluster.nodeIsReady(name), {
      timeoutMs: 90_000,
      seen: () => this.log().slice(-2000),
    });
  }

  /** From now on nothing comes in that was not asked for, as behind a NAT. */
  behindNat(): void {
    const rules = `table inet nat-like {
      chain incoming {
        type filter hook input priority -50;
        iifname "eth0" ct state established,related accept
        iifname "eth0" meta l4proto { tcp, udp } drop
      }
    }`;
    const done = this.node.exec(['nft', '-f', '-'], { input: rules });
    if (done.code !== 0) throw new Error(done.stderr);
  }

  kill(signal: 'KILL' | 'TERM'): void {
    this.node.exec(['bash', '-c', `kill -${signal} $(cat /run/skiff-agent.pid)`]);
  }

  get running(): boolean {
    const alive = 'kill -0 $(cat /run/skiff-agent.pid)';
    return this.node.exec(['bash', '-c', alive]).code === 0;
  }

  log(): string {
    const file = join(this.node.disk, 'agent.log');
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  down(failed: boolean): void {
    this.node.destroy({ keepLogs: failed });
  }
}
