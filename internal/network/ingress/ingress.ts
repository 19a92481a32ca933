import { parseIpv4 } from '../../base/addresses.ts';
import { createHash } from 'node:crypto';
import type { Node, Secret, Service } from '../../api/generated/types/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/types/discovery-v1.ts';
import type { Ingress, IngressClass } from '../../api/generated/types/networking-v1.ts';
import { routesOf, type Certificate, type Pool, type Routes } from '../../api/ingress/routes.ts';
import { servingNodes } from '../../api/ingress/serving-nodes.ts';
import { messageOf } from '../../base/errors.ts';
import type { Mirror } from '../../client/client.ts';
import { saidOnce } from '../nft/said-once.ts';
import { endpointsOf } from '../proxy/endpoints.ts';
import { sliceIndexes } from '../proxy/proxy.ts';
import { bufferBytes, certList, mapFile, mapNames, type MapName } from './config.ts';
import { Haproxy, type HaproxyOptions } from './haproxy.ts';
import { pemOf, tablesOf, type Table, type Tables } from './tables.ts';

export interface IngressOptions extends Omit<HaproxyOptions, 'started'> {
  nodeName: string;
  ingresses: Mirror<Ingress>;
  classes: Mirror<IngressClass>;
  services: Mirror<Service>;
  nodes: Mirror<Node>;
  /** With the index of `sliceIndexes`. */
  slices: Mirror<EndpointSlice>;
  /** A mirror that has one Secret; asked for when an Ingress needs it. */
  secret(namespace: string, name: string): Mirror<Secret>;
}

interface Held {
  pem: string;
  hosts: string;
}

interface Told {
  tables: Tables;
  certificates: Map<string, Held>;
}

/** Changes that come within this time are told together. */
const batchMs = 5;
const retryMs = 1_000;
/** Secrets that cannot be read do not hold up the rest. */
const secretsMs = 3_000;
/** Room for the command around a piece of a table. */
const pieceBytes = bufferBytes / 2;

/** Serves the Ingresses of our classes on this node. `stop` leaves HAProxy running. */
export function startIngress(options: IngressOptions): { stop(): void } {
  return new IngressServer(options);
}

class IngressServer {
  readonly #o: IngressOptions;
  readonly #haproxy: Haproxy;
  readonly #stops: (() => void)[] = [];
  readonly #leftOut: (what: string) => void;
  readonly #secrets = new Map<string, Mirror<Secret>>();
  /** What HAProxy was told since it started; undefined: that is to be found out. */
  #told: Told | undefined;
  /** Pools are asked of: endpoints matter. */
  #pools: ReadonlySet<string> = new Set();
  #synced = false;
  #waiting = false;
  #queue: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: IngressOptions) {
    this.#o = options;
    this.#leftOut = saidOnce(options.log, 'left out of the routes of Ingresses');
    this.#haproxy = new Haproxy({
      ...options,
      started: (anew) => {
        this.#told = anew ? nothingTold() : undefined;
        this.#touch();
      },
    });
    const { ingresses, classes, services, nodes, slices } = options;
    for (const mirror of [ingresses, classes, services, nodes])
      this.#stops.push(mirror.onChange(() => this.#touch()));
    this.#stops.push(
      slices.onChange(({ object }) => {
        const [service] = sliceIndexes.service(object);
        if (service !== undefined && this.#pools.has(service)) this.#touch();
      }),
    );
    const all = [ingresses, classes, services, nodes, slices].map((mirror) => mirror.synced);
    void Promise.all(all).then(() => {
      this.#synced = true;
      this.#touch();
    });
  }

  stop(): void {
    this.#stopped = true;
    for (const stop of this.#stops) stop();
    for (const mirror of this.#secrets.values()) mirror.stop();
    this.#haproxy.leave();
  }

  #touch(waitMs = batchMs): void {
    if (this.#waiting || this.#stopped || !this.#synced) return;
    this.#waiting = true;
    this.#o.clock.after('ingress.batch', waitMs, () => {
      this.#waiting = false;
      this.#queue = this.#queue
        .then(() => this.#tell())
        .catch((error: unknown) => {
          if (this.#stopped) return;
          if (this.#haproxy.ready)
            this.#o.log.warn('HAProxy did not take a change of routes, it is told again', {
              error: messageOf(error),
            });
          this.#told = undefined;
          this.#touch(retryMs);
        });
    });
  }

  /** Brings HAProxy to what the objects say now. */
  async #tell(): Promise<void> {
    if (this.#stopped) return;
    const { ingresses, classes, nodes, services, nodeName } = this.#o;
    const serves = servingNodes([...nodes.list()]).some((n) => n.metadata.name === nodeName);
    const found = routesOf({
      ingresses: serves ? ingresses.list() : [],
      classes: classes.list(),
      service: (namespace, name) => services.get(`${namespace}/${name}`),
    });
    await this.#readSecrets(found);
    this.#haproxy.want(found.routes.length > 0);
    if (!this.#haproxy.ready) return;
    const told = (this.#told ??= await this.#findOut());
    await this.#certificates(told.certificates, this.#certificatesOf(found.certificates));
    const pools = new Set<string>();
    const tables = tablesOf({
      routes: found.routes,
      endpoints: (pool) => this.#endpoints(pool, pools),
      secret: (namespace, name) =>
        this.#secrets.get(`${namespace}/${name}`)?.get(`${namespace}/${name}`),
    });
    this.#pools = pools;
    // What routes name is there before they do, and goes after.
    const named = mapNames.filter((name) => name !== 'exact' && name !== 'prefix');
    const routes = mapNames.filter((name) => name === 'exact' || name === 'prefix');
    if (routes.some((name) => !sameTable(told.tables[name], tables[name])))
      for (const name of named)
        await this.#bring(told, name, new Map([...told.tables[name], ...tables[name]]));
    for (const name of [...routes, ...named]) await this.#bring(told, name, tables[name]);
  }

  async #bring(told: Told, name: MapName, table: Table): Promise<void> {
    if (sameTable(told.tables[name], table)) return;
    await this.#table(mapFile(this.#o.dir, name), table);
    told.tables[name] = table;
  }

  #endpoints({ namespace, service, port }: Pool, pools: Set<string>) {
    const key = `${namespace}/${service}`;
    pools.add(key);
    const place = { nodeName: this.#o.nodeName, zone: undefined };
    // HAProxy is told of IPv4 alone.
    const slices = [...this.#o.slices.byIndex('service', key)].filter(
      ({ addressType }) => addressType === 'IPv4',
    );
    return endpointsOf(port, slices, place, this.#leftOut).backends.flatMap((one) => {
      const ip = parseIpv4(one.ip);
      return ip ? [{ ip, port: one.port }] : [];
    });
  }

  /** What one of an earlier run holds; its tables are not read, they are swapped as a whole. */
  async #findOut(): Promise<Told> {
    const told = nothingTold();
    const never = new Map([['', '']]);
    for (const name of mapNames) told.tables[name] = never;
    const list = await this.#ask(`show ssl crt-list ${certList(this.#o.dir)}\n`);
    for (const line of list.split('\n')) {
      const [file = '', ...hosts] = line
        .replace(/\[[^\]]*\]/, '')
        .trim()
        .split(/\s+/);
      const path = file.replace(/:\d+$/, '');
      if (path.startsWith(`${this.#o.dir}/certs/`))
        told.certificates.set(path, { pem: '', hosts: hosts.join(' ') });
    }
    return told;
  }

  /** A table is told in pieces and takes effect as a whole. */
  async #table(file: string, table: Table): Promise<void> {
    const version = /version created: (\d+)/.exec(await this.#ask(`prepare map ${file}\n`))?.[1];
    if (!version) throw new Error(`no new version of ${file}`);
    for (const piece of piecesOf([...table].map(([key, value]) => `${key} ${value}\n`)))
      await this.#quietly(`add map @${version} ${file} <<\n${piece}\n`);
    await this.#quietly(`commit map @${version} ${file}\n`);
  }

  /** Follows the Secrets that are named, and no others. */
  async #readSecrets({ certificates, routes }: Routes): Promise<void> {
    const wanted = new Map<string, [string, string]>();
    const made: Promise<void>[] = [];
    for (const { namespace, secret } of certificates)
      wanted.set(`${namespace}/${secret}`, [namespace, secret]);
    for (const { owner, policy } of routes) {
      const namespace = owner.slice(0, owner.indexOf('/'));
      for (const name of policy.users ?? []) wanted.set(`${namespace}/${name}`, [namespace, name]);
    }
    for (const [key, mirror] of this.#secrets) {
      if (wanted.has(key)) continue;
      mirror.stop();
      this.#secrets.delete(key);
    }
    for (const [key, [namespace, name]] of wanted) {
      if (this.#secrets.has(key)) continue;
      const mirror = this.#o.secret(namespace, name);
      mirror.onChange(() => this.#touch());
      this.#secrets.set(key, mirror);
      void mirror.synced.then(() => this.#touch());
      made.push(mirror.synced);
    }
    // One that is taken over has them: it must not be told of fewer.
    if (made.length > 0)
      await Promise.race([Promise.all(made), this.#o.clock.sleep('ingress.secrets', secretsMs)]);
  }

  #certificatesOf(wanted: readonly Certificate[]): Map<string, Held> {
    const held = new Map<string, Held>();
    for (const { namespace, secret: name, hosts } of wanted) {
      const secret = this.#secrets.get(`${namespace}/${name}`)?.get(`${namespace}/${name}`);
      if (!secret) continue;
      try {
        const file = this.#fileOf(namespace, name);
        const before = held.get(file)?.hosts.split(' ').filter(Boolean) ?? [];
        const all = [...new Set([...before, ...hosts])].join(' ');
        held.set(file, { pem: pemOf(secret), hosts: all });
      } catch (error) {
        this.#leftOut(`Secret ${namespace}/${name}: ${messageOf(error)}`);
      }
    }
    return held;
  }

  /** HAProxy's name of a certificate; no such file is written. */
  #fileOf(namespace: string, name: string): string {
    const hash = createHash('sha256').update(`${namespace}/${name}`).digest('hex').slice(0, 32);
    return `${this.#o.dir}/certs/${hash}.pem`;
  }

  async #certificates(certificates: Map<string, Held>, wanted: Map<string, Held>): Promise<void> {
    const list = certList(this.#o.dir);
    for (const [file, held] of certificates) {
      const next = wanted.get(file);
      if (next?.hosts === held.hosts) continue;
      await this.#ask(`del ssl crt-list ${list} ${file}\n`);
      await this.#ask(`del ssl cert ${file}\n`);
      certificates.delete(file);
    }
    for (const [file, held] of wanted) {
      const before = certificates.get(file);
      if (before?.pem === held.pem) continue;
      if (!before) await this.#ask(`new ssl cert ${file}\n`);
      await this.#ask(`set ssl cert ${file} <<\n${held.pem}\n`);
      await this.#succeeds(`commit ssl cert ${file}\n`);
      if (!before) await this.#succeeds(`add ssl crt-list ${list} <<\n${file} ${held.hosts}\n\n`);
      certificates.set(file, held);
    }
  }

  #ask(text: string): Promise<string> {
    return this.#haproxy.ask(text);
  }

  /** Of these commands every word that comes back is a complaint. */
  async #quietly(text: string): Promise<void> {
    const said = (await this.#ask(text)).trim();
    if (said !== '') throw new Error(said.slice(0, 300));
  }

  async #succeeds(text: string): Promise<void> {
    const said = await this.#ask(text);
    if (!said.includes('Success!')) throw new Error(said.trim().slice(0, 300));
  }
}

const nothingTold = (): Told => ({
  tables: {
    policies: new Map(),
    allow: new Map(),
    users: new Map(),
    pools: new Map(),
    exact: new Map(),
    prefix: new Map(),
  },
  certificates: new Map(),
});

const sameTable = (a: Table, b: Table): boolean =>
  a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);

function* piecesOf(lines: string[]): Generator<string> {
  let piece = '';
  for (const line of lines) {
    if (piece !== '' && piece.length + line.length > pieceBytes) {
      yield piece;
      piece = '';
    }
    piece += line;
  }
  if (piece !== '') yield piece;
}
