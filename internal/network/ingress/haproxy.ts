import type { ChildProcess } from 'node:child_process';
import { messageOf } from '../../base/errors.ts';
import type { Clock, Timer } from '../../io/clock.ts';
import type { Disk } from '../../io/disk.ts';
import type { Log } from '../../io/log.ts';
import type { Spawn } from '../../io/spawn.ts';
import { certList, haproxyConfig, mapFile, socketFile, type Places } from './config.ts';

export interface HaproxyOptions extends Places {
  /** The program; on the PATH, or where distributions put it. */
  binary?: string;
  clock: Clock;
  disk: Disk;
  spawn: Spawn;
  log: Log;
  /** Sends commands over its socket and gives what it says. */
  ask(path: string, text: string): Promise<string>;
  /** It runs and knows nothing yet. */
  started(): void;
}

const firstRestartMs = 500;
const longestRestartMs = 30_000;
/** A run of this length forgives the failures before it. */
const steadyMs = 60_000;
const readyPollMs = 50;
const readyTries = 200;
const programs = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** HAProxy as a child of this process: started with the first Ingress, ended with the last. */
export class Haproxy {
  readonly #o: HaproxyOptions;
  #child: ChildProcess | undefined;
  #timer: Timer | undefined;
  #wanted = false;
  #restartMs = firstRestartMs;
  #ready = false;

  constructor(options: HaproxyOptions) {
    this.#o = options;
  }

  get ready(): boolean {
    return this.#ready;
  }

  want(wanted: boolean): void {
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    if (wanted) void this.#start();
    else this.stop();
  }

  /** What it answers to commands; throws when it cannot be asked. */
  ask(text: string): Promise<string> {
    return this.#o.ask(socketFile(this.#o.dir), text);
  }

  stop(): void {
    this.#wanted = false;
    this.#ready = false;
    this.#timer?.cancel();
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
  }

  async #start(): Promise<void> {
    const { disk, dir, spawn, clock, binary = 'haproxy' } = this.#o;
    const begunMs = clock.monotonicMs();
    try {
      await this.#endOrphan();
      await disk.makeDir('ingress.dir', dir, 0o700);
      await disk.makeDir('ingress.dir', `${dir}/certs`, 0o700);
      for (const file of [mapFile(dir, 'exact'), mapFile(dir, 'prefix'), certList(dir)])
        await disk.writeAtomic('ingress.empty', file, '', { mode: 0o600 });
      const config = `${dir}/haproxy.cfg`;
      await disk.writeAtomic('ingress.config', config, haproxyConfig(this.#o), { mode: 0o600 });
      if (!this.#wanted) return;
      const child = spawn.start('ingress.haproxy', [binary, '-db', '-f', config], {
        stdio: ['ignore', 'ignore', 'pipe'],
        env: { PATH: `${process.env['PATH'] ?? ''}:${programs}` },
      });
      this.#child = child;
      let said = '';
      child.stderr?.on('data', (bytes: Buffer) => (said = (said + bytes.toString()).slice(-2000)));
      child.once('error', (error) => this.#over(child, begunMs, messageOf(error)));
      child.once('close', (code, signal) =>
        this.#over(child, begunMs, alerts(said) || String(signal ?? code)),
      );
      await this.#untilReady(child);
    } catch (error) {
      this.#again(begunMs, messageOf(error));
    }
  }

  async #untilReady(child: ChildProcess): Promise<void> {
    for (let tries = 0; tries < readyTries && this.#child === child; tries += 1) {
      const said = await this.ask('show info\n').catch(() => '');
      if (said.includes(`Pid: ${child.pid}`)) {
        this.#ready = true;
        return this.#o.started();
      }
      await this.#o.clock.sleep('ingress.ready', readyPollMs);
    }
  }

  /** One that a process of ours before this one left behind holds the ports. */
  async #endOrphan(): Promise<void> {
    const said = await this.ask('show info\n').catch(() => '');
    const pid = /^Pid: (\d+)$/m.exec(said)?.[1];
    if (pid) await this.#o.spawn.run('ingress.orphan', ['kill', '-9', pid]);
  }

  #over(child: ChildProcess, begunMs: number, why: string): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    this.#ready = false;
    this.#again(begunMs, why);
  }

  #again(begunMs: number, why: string): void {
    if (!this.#wanted) return;
    if (this.#o.clock.monotonicMs() - begunMs > steadyMs) this.#restartMs = firstRestartMs;
    const missing = why.includes('ENOENT');
    this.#o.log.warn(
      missing
        ? 'Ingresses are not served: HAProxy is not installed (apt-get install haproxy)'
        : 'HAProxy, which serves Ingresses, ended and is started again',
      { why: why.slice(0, 500), inMs: this.#restartMs },
    );
    this.#timer = this.#o.clock.after('ingress.restart', this.#restartMs, () => void this.#start());
    this.#restartMs = Math.min(longestRestartMs, this.#restartMs * 2);
  }
}

const alerts = (said: string): string =>
  said
    .split('\n')
    .filter((line) => line.includes('[ALERT]'))
    .join('; ');
