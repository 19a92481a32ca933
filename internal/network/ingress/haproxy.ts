import type { ChildProcess } from 'node:child_process';
import { messageOf } from '../../base/errors.ts';
import type { Clock, Timer } from '../../io/clock.ts';
import type { Disk } from '../../io/disk.ts';
import { askProgram, holdProgram, type HeldProgram } from '../../io/local-socket.ts';
import type { Log } from '../../io/log.ts';
import type { Spawn } from '../../io/spawn.ts';
import {
  certList,
  configFile,
  haproxyConfig,
  logSwitch,
  mapFile,
  mapNames,
  scriptFile,
  scriptOf,
  socketFile,
  type Abilities,
  type Places,
} from './config.ts';

export interface HaproxyOptions extends Places {
  /** The program, looked for on the PATH. */
  binary?: string;
  clock: Clock;
  disk: Disk;
  spawn: Spawn;
  log: Log;
  /** Called with the reason why it does not run, and without one when it does. */
  trouble(why: string | undefined): void;
  /** It runs; `anew`: it knows nothing yet. Otherwise it is one of an earlier run of ours. */
  started(anew: boolean): void;
}

const firstRestartMs = 500;
const longestRestartMs = 30_000;
/** A run of this length forgives the failures before it. */
const steadyMs = 60_000;
const readyPollMs = 50;
const readyTries = 200;
const askMs = 5_000;
const ended = 'it ended';

/**
 * HAProxy, started with the first Ingress and ended with the last. It outlives this process, so
 * that a restart breaks no connection: one of an earlier run with the same program and
 * configuration is taken over, any other is ended.
 *
 *     unwanted -> starting -> running
 *                    ^           |
 *                    +- waiting -+ when it ended or did not start, ever longer
 */
export class Haproxy {
  readonly #o: HaproxyOptions;
  #pid: string | undefined;
  #can: Abilities = { lua: false, metrics: false };
  #held: HeldProgram | undefined;
  #timer: Timer | undefined;
  #wanted: boolean | undefined;
  #restartMs = firstRestartMs;
  #queue: Promise<void> = Promise.resolve();

  constructor(options: HaproxyOptions) {
    this.#o = options;
  }

  get ready(): boolean {
    return this.#held !== undefined;
  }

  get lua(): boolean {
    return this.#can.lua;
  }

  want(wanted: boolean): void {
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    this.#timer?.cancel();
    this.#queue = this.#queue.then(() => (wanted ? this.#start() : this.#end()));
  }

  /** What it answers to commands; throws when it cannot be asked. */
  ask(text: string): Promise<string> {
    return askProgram('ingress.ask', socketFile(this.#o.dir), { text, timeoutMs: askMs });
  }

  /** Stops following it; the program itself goes on. */
  leave(): void {
    this.#wanted = false;
    this.#timer?.cancel();
    const held = this.#held;
    this.#held = undefined;
    held?.close();
  }

  async #end(): Promise<void> {
    const held = this.#held;
    this.#held = undefined;
    held?.close();
    this.#o.trouble(undefined);
    await endHaproxy(this.#o);
  }

  async #start(): Promise<void> {
    if (!this.#wanted || this.#held) return;
    const { disk, dir, clock } = this.#o;
    const begunMs = clock.monotonicMs();
    try {
      const version = await this.#version();
      const config = haproxyConfig({ ...this.#o, ...this.#can });
      const before = (await disk.readIfThere('ingress.config', configFile(dir)))?.toString();
      const running = await infoOf(dir);
      if (running?.version === version && before === config) this.#pid = running.pid;
      else await this.#spawn(config);
      this.#hold(begunMs, running?.pid !== this.#pid);
    } catch (error) {
      this.#again(begunMs, messageOf(error));
    }
  }

  /** Throws when the program is not there. */
  async #version(): Promise<string> {
    const { spawn, binary = 'haproxy' } = this.#o;
    const { stdout } = await spawn.run('ingress.version', [binary, '-vv']);
    const said = stdout.toString();
    const has = (what: string): boolean =>
      new RegExp(`\\bUSE_${what}=1\\b|\\+${what}\\b`).test(said);
    this.#can = { lua: has('LUA'), metrics: has('PROMEX') };
    return / version (\S+)/.exec(said)?.[1] ?? '';
  }

  async #spawn(config: string): Promise<void> {
    const { disk, dir, spawn, binary = 'haproxy' } = this.#o;
    await endHaproxy(this.#o);
    await disk.makeDir('ingress.dir', dir, 0o711);
    // It reaches its own sockets as another user; files in it are root's alone.
    await spawn.run('ingress.dir', ['chmod', '711', dir]);
    await disk.makeDir('ingress.dir', `${dir}/certs`, 0o700);
    const empty = [
      ...mapNames.map((name) => mapFile(dir, name)),
      certList(dir),
      logSwitch.file(dir),
    ];
    for (const file of empty) await disk.writeAtomic('ingress.empty', file, '', { mode: 0o600 });
    await disk.writeAtomic('ingress.script', scriptFile(dir), scriptOf(dir), { mode: 0o600 });
    await disk.writeAtomic('ingress.config', configFile(dir), config, { mode: 0o600 });
    const child = spawn.start('ingress.haproxy', [binary, '-db', '-f', configFile(dir)], {
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    });
    this.#pid = await this.#untilReady(child);
    child.stderr?.destroy();
    child.unref();
  }

  /** Its pid, once it answers; throws with its last words when it ends before. */
  async #untilReady(child: ChildProcess): Promise<string> {
    const { clock, dir } = this.#o;
    let said = '';
    let over: string | undefined;
    child.stderr?.on('data', (bytes: Buffer) => (said = (said + bytes.toString()).slice(-4000)));
    child.once('error', (error) => (over = messageOf(error)));
    child.once('close', (code, signal) => (over = alerts(said) || `status ${signal ?? code}`));
    for (let tries = 0; tries < readyTries; tries += 1) {
      const pid = (await infoOf(dir))?.pid;
      if (pid === String(child.pid)) return pid;
      if (over !== undefined) throw new Error(over);
      await clock.sleep('ingress.ready', readyPollMs);
    }
    child.kill('SIGKILL');
    throw new Error('it does not answer');
  }

  /** A connection to it that ends when it does. */
  #hold(begunMs: number, anew: boolean): void {
    const held: HeldProgram = holdProgram('ingress.hold', socketFile(this.#o.dir), () => {
      if (this.#held !== held) return;
      this.#held = undefined;
      if (!this.#wanted) return;
      this.#o.log.warn('HAProxy, which serves Ingresses, ended and is started again');
      this.#again(begunMs, ended);
    });
    this.#held = held;
    this.#o.trouble(undefined);
    this.#o.started(anew);
  }

  #again(begunMs: number, why: string): void {
    if (!this.#wanted) return;
    const { clock, trouble } = this.#o;
    if (clock.monotonicMs() - begunMs > steadyMs) this.#restartMs = firstRestartMs;
    // One that ran and ended runs again at once: that is no trouble yet.
    const atOnce = why === ended && this.#restartMs === firstRestartMs;
    const text = why.includes('ENOENT')
      ? 'HAProxy is not installed (apt-get install haproxy)'
      : why.slice(0, 300);
    if (!atOnce) trouble(`Ingresses are not served here: ${text}`);
    this.#timer = clock.after('ingress.restart', atOnce ? 0 : this.#restartMs, () => {
      this.#queue = this.#queue.then(() => this.#start());
    });
    this.#restartMs = Math.min(longestRestartMs, this.#restartMs * 2);
  }
}

/** Ends the HAProxy that listens on the socket of a folder, whatever started it. */
export async function endHaproxy({
  dir,
  spawn,
  clock,
}: Pick<HaproxyOptions, 'dir' | 'spawn' | 'clock'>): Promise<void> {
  const pid = (await infoOf(dir))?.pid;
  if (!pid) return;
  await spawn.run('ingress.end', ['kill', '-9', pid]);
  for (let tries = 0; tries < readyTries && (await infoOf(dir)); tries += 1)
    await clock.sleep('ingress.end', readyPollMs);
}

/** The folder of the HAProxy that serves a port of Gateways which Ingresses do not have. */
export const portDir = (dir: string, port: number): string => `${dir}/port-${port}`;

/** The ports that folders are there of. */
export async function portsIn(disk: Disk, dir: string): Promise<number[]> {
  const names = await disk.list('ingress.ports', dir).catch(() => []);
  return names.flatMap((name) => /^port-(\d+)$/.exec(name)?.slice(1).map(Number) ?? []);
}

/** Ends every HAProxy of this node's Ingresses and Gateways. */
export async function endAllHaproxies(
  options: Pick<HaproxyOptions, 'dir' | 'spawn' | 'clock' | 'disk'>,
): Promise<void> {
  const { dir, disk } = options;
  for (const port of await portsIn(disk, dir))
    await endHaproxy({ ...options, dir: portDir(dir, port) });
  await endHaproxy(options);
}

/** Undefined when none runs. */
async function infoOf(dir: string): Promise<{ pid: string; version: string } | undefined> {
  const asked = { text: 'show info\n', timeoutMs: askMs };
  const said = await askProgram('ingress.info', socketFile(dir), asked).catch(() => '');
  const pid = /^Pid: (\d+)$/m.exec(said)?.[1];
  return pid ? { pid, version: /^Version: (\S+)/m.exec(said)?.[1] ?? '' } : undefined;
}

const alerts = (said: string): string =>
  said
    .split('\n')
    .filter((line) => line.includes('[ALERT]'))
    .map((line) => line.replace(/^\[ALERT\]\s*\(\d+\)\s*:\s*/, ''))
    .join('; ');
