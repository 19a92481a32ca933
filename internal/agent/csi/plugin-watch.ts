import { messageOf } from '../../base/errors.ts';
import type { Clock, Timer } from '../../io/clock.ts';
import type { Disk } from '../../io/disk.ts';
import type { Log } from '../../io/log.ts';
import type { PluginInfo } from '../../wire/csi/csi.ts';
import type { Connect, DriverConnection } from './driver.ts';
import type { Drivers } from './drivers.ts';
import type { DriverRecords } from './node-info.ts';
import { driverName } from './places.ts';

export interface PluginWatchOptions {
  /** `/var/lib/kubelet`: sockets of drivers lie below it, too. */
  kubeletDir: string;
  connect: Connect;
  drivers: Drivers;
  records: DriverRecords;
  disk: Disk;
  clock: Clock;
  log: Log;
}

/** A socket in plugins_registry. */
interface Seen {
  path: string;
  /** Another one under the same name is another plug-in. */
  identity: string;
  /** Set once it is registered. */
  driver: string | undefined;
  gone: boolean;
  retry: Timer | undefined;
  tries: number;
}

const op = 'csi.registry';
/** Sockets beyond these are not looked at. */
const mostSockets = 64;
/** As the kubelet waits between tries. */
const firstRetryMs = 500;
const longestRetryMs = 122_000;
/** Folders below plugins_registry are looked into this deep. */
const mostDepth = 3;

/**
 * Registers the plug-ins whose sockets appear in plugins_registry, and takes them back when the
 * sockets go (kubelet's plug-in manager).
 */
export class PluginWatch {
  readonly #o: PluginWatchOptions;
  readonly #dir: string;
  readonly #seen = new Map<string, Seen>();
  readonly #watches = new Map<string, () => void>();
  #looking: Promise<void> | undefined;
  #again = false;
  #stopped = false;

  constructor(options: PluginWatchOptions) {
    this.#o = options;
    this.#dir = `${options.kubeletDir}/plugins_registry`;
  }

  /** Makes the folders that drivers expect and looks for who is there. */
  async start(): Promise<void> {
    const { disk, kubeletDir } = this.#o;
    for (const dir of ['plugins_registry', 'plugins', 'pods'])
      await disk.makeDir(op, `${kubeletDir}/${dir}`);
    await this.#look();
  }

  stop(): void {
    this.#stopped = true;
    for (const stop of this.#watches.values()) stop();
    for (const { retry } of this.#seen.values()) retry?.cancel();
  }

  /** The Node is another one now: every driver is written to it again. */
  announceAll(): void {
    for (const seen of this.#seen.values())
      if (seen.driver !== undefined) void this.#register(seen);
  }

  #changed(): void {
    if (this.#stopped) return;
    if (this.#looking) this.#again = true;
    else
      this.#looking = this.#look()
        .catch((error: unknown) =>
          this.#o.log.warn('plugins_registry cannot be read', { error: messageOf(error) }),
        )
        .then(() => {
          this.#looking = undefined;
          const again = this.#again;
          this.#again = false;
          if (again) this.#changed();
        });
  }

  async #look(): Promise<void> {
    const found = new Map<string, string>();
    const folders = new Set<string>();
    await this.#walk(this.#dir, 0, { found, folders });
    for (const [dir, stop] of this.#watches)
      if (!folders.has(dir)) {
        stop();
        this.#watches.delete(dir);
      }
    for (const [path, seen] of this.#seen)
      if (found.get(path) !== seen.identity) await this.#lost(seen);
    for (const [path, identity] of found) {
      if (this.#seen.has(path)) continue;
      const seen = { path, identity, driver: undefined, gone: false, retry: undefined, tries: 0 };
      this.#seen.set(path, seen);
      void this.#register(seen);
    }
  }

  async #walk(
    dir: string,
    depth: number,
    into: { found: Map<string, string>; folders: Set<string> },
  ): Promise<void> {
    const { disk } = this.#o;
    into.folders.add(dir);
    // Watched before it is read: what comes in between brings another look.
    if (!this.#watches.has(dir))
      this.#watches.set(
        dir,
        disk.watch(op, dir, () => this.#changed()),
      );
    for (const name of await disk.list(op, dir)) {
      if (name.startsWith('.')) continue;
      const path = `${dir}/${name}`;
      const stat = await disk.stat(op, path);
      if (stat?.kind === 'socket' && into.found.size < mostSockets)
        into.found.set(path, `${stat.ino}:${stat.mtimeMs}`);
      else if (stat?.kind === 'dir' && depth < mostDepth && into.folders.size < mostSockets)
        await this.#walk(path, depth + 1, into);
    }
  }

  async #lost(seen: Seen): Promise<void> {
    const { drivers, records, log } = this.#o;
    seen.gone = true;
    seen.retry?.cancel();
    this.#seen.delete(seen.path);
    const { driver } = seen;
    if (driver === undefined || drivers.cameBy(driver) !== seen.path) return;
    drivers.remove(driver);
    log.info('driver is gone', { driver });
    await records
      .remove(driver)
      .catch((error: unknown) =>
        log.warn('the driver cannot be taken out of CSINode', { driver, error: messageOf(error) }),
      );
  }

  async #register(seen: Seen): Promise<void> {
    const { connect, log, clock } = this.#o;
    const plugin = connect(seen.path);
    try {
      const info = await plugin.calls.getInfo({});
      try {
        await this.#accept(seen, info);
      } catch (error) {
        await tell(plugin, messageOf(error));
        throw error;
      }
      await tell(plugin, undefined);
      seen.tries = 0;
      log.info('driver is registered', { driver: info.name });
    } catch (error) {
      if (seen.gone || this.#stopped) return;
      log.warn('plug-in cannot be registered', { socket: seen.path, error: messageOf(error) });
      const delayMs = Math.min(firstRetryMs * 2 ** seen.tries++, longestRetryMs);
      seen.retry = clock.after(op, delayMs, () => void this.#register(seen));
    } finally {
      plugin.close();
    }
  }

  /** Throws the error that the plug-in returns. */
  async #accept(seen: Seen, info: PluginInfo): Promise<void> {
    const { connect, drivers, records } = this.#o;
    if (info.type !== 'CSIPlugin')
      throw new Error(
        `no handler registered for plugin type: ${short(info.type)} at socket ${seen.path}`,
      );
    if (!driverName.test(info.name))
      throw new Error(`${JSON.stringify(short(info.name))} is not a driver name`);
    if (!info.supportedVersions.some((version) => /^v?1\.\d/.test(version)))
      throw new Error(`none of the versions of driver ${info.name} is supported: 1.x is`);
    const by = drivers.cameBy(info.name);
    if (by !== undefined && by !== seen.path)
      throw new Error(`another driver with the name ${info.name} is registered already`);
    const connection = connect(await this.#endpoint(info.endpoint || seen.path));
    try {
      await records.put(info.name, await connection.calls.nodeGetInfo({}));
      // Its socket may have gone meanwhile.
      if (seen.gone || this.#stopped) throw new Error('the socket is gone');
    } catch (error) {
      connection.close();
      throw error;
    }
    seen.driver = info.name;
    drivers.add(info.name, seen.path, connection);
  }

  /** A socket of the machine that a plug-in names is dialled only below the kubelet's folder. */
  async #endpoint(said: string): Promise<string> {
    const { disk, kubeletDir } = this.#o;
    const path = said.replace(/^unix:\/\//, '');
    const real = path.startsWith('/')
      ? await disk.realPath(op, path).catch(() => undefined)
      : undefined;
    const root = await disk.realPath(op, kubeletDir);
    if (!real?.startsWith(`${root}/`))
      throw new Error(`${JSON.stringify(short(said))} is not a socket below ${kubeletDir}`);
    return real;
  }
}

const short = (text: string): string => text.slice(0, 128);

async function tell({ calls }: DriverConnection, error: string | undefined): Promise<void> {
  await calls.notifyRegistrationStatus({
    pluginRegistered: error === undefined,
    ...(error !== undefined && { error }),
  });
}
