import { addServers, knownServers, removeServers, type KnownServers } from './checked-servers.ts';
import {
  bufferBytes,
  certList,
  mapFile,
  mapNames,
  routeMaps,
  scriptMaps,
  type MapName,
} from './config.ts';
import { Haproxy, type HaproxyOptions } from './haproxy.ts';
import { namesCommands } from './stream-config.ts';
import { hash, type Table } from './table.ts';
import { tablesOf, type Tables } from './tables.ts';

/** A certificate with its key, and the names that clients ask for it by; none: its own. */
export interface Held {
  pem: string;
  hosts: string[];
}

interface ToldCertificate {
  pem: string;
  hosts: string;
}

interface Told {
  tables: Tables;
  certificates: Map<string, ToldCertificate>;
  /** Whether names decide where connections of TLS go. */
  names?: boolean;
  servers: KnownServers;
}

/** Room for the command around a piece of a table. */
const pieceBytes = bufferBytes / 2;

/** Brings a HAProxy to what it is to know, by differences to what it was told. */
export class Teller {
  readonly #dir: string;
  readonly #haproxy: Haproxy;
  readonly #hasTls: boolean;
  /** What HAProxy was told since it started; undefined: that is to be found out. */
  #told: Told | undefined;

  /** `changed` is called when there is something to be told anew. */
  constructor(options: Omit<HaproxyOptions, 'started'>, changed: () => void) {
    this.#dir = options.dir;
    this.#hasTls = options.httpsPort !== undefined;
    this.#haproxy = new Haproxy({
      ...options,
      started: (anew) => {
        this.#told = anew ? nothingTold() : undefined;
        changed();
      },
    });
  }

  get ready(): boolean {
    return this.#haproxy.ready;
  }
  /** Whether Gateways can be served. */
  get lua(): boolean {
    return this.#haproxy.lua;
  }
  want(wanted: boolean): void {
    this.#haproxy.want(wanted);
  }
  leave(): void {
    this.#haproxy.leave();
  }
  /** What HAProxy knows is uncertain: everything is sent again. */
  forget(): void {
    this.#told = undefined;
  }

  /** `certificates` by `namespace/name` of their Secrets. */
  async tell(tables: Tables, certificates: ReadonlyMap<string, Held>): Promise<void> {
    const told = (this.#told ??= await this.#findOut());
    await this.#certificates(told.certificates, certificates);
    const ask = (text: string): Promise<string> => this.#ask(text);
    await addServers(ask, told.servers, tables.servers);
    const names = mapNames.filter((name) => this.#haproxy.lua || !scriptMaps.has(name));
    // What routes name is there before they do, and goes after.
    const named = names.filter((name) => !routeMaps.has(name));
    const routes = names.filter((name) => routeMaps.has(name));
    if (routes.some((name) => !sameTable(told.tables[name], tables[name])))
      for (const name of named)
        await this.#bring(told, name, new Map([...told.tables[name], ...tables[name]]));
    for (const name of [...routes, ...named]) await this.#bring(told, name, tables[name]);
    if (told.servers.size > tables.servers.size)
      await removeServers(ask, told.servers, tables.servers);
    const matter = tables['gateway-streams'].size > 0;
    if (!this.#hasTls || !this.#haproxy.lua || told.names === matter) return;
    for (const command of namesCommands(matter)) await this.#switch(command);
    told.names = matter;
  }

  async #switch(command: string): Promise<void> {
    const said = (await this.#ask(command)).trim();
    if (said !== '' && !/already/i.test(said)) throw new Error(said.slice(0, 300));
  }

  async #bring(told: Told, name: MapName, table: Table): Promise<void> {
    if (sameTable(told.tables[name], table)) return;
    await this.#table(mapFile(this.#dir, name), table);
    told.tables[name] = table;
  }

  /** What one of an earlier run holds; its tables are not read, they are swapped as a whole. */
  async #findOut(): Promise<Told> {
    const told = nothingTold();
    told.servers = await knownServers((text) => this.#ask(text));
    const never = new Map([['', '']]);
    for (const name of mapNames) told.tables[name] = never;
    const list = await this.#ask(`show ssl crt-list ${certList(this.#dir)}\n`);
    for (const line of list.split('\n')) {
      const [file = '', ...hosts] = line
        .replace(/\[[^\]]*\]/, '')
        .trim()
        .split(/\s+/);
      const path = file.replace(/:\d+$/, '');
      if (path.startsWith(`${this.#dir}/certs/`))
        told.certificates.set(path, { pem: '', hosts: hosts.join(' ') });
    }
    return told;
  }

  /** A table is sent in pieces and takes effect as a whole. */
  async #table(file: string, table: Table): Promise<void> {
    const version = /version created: (\d+)/.exec(await this.#ask(`prepare map ${file}\n`))?.[1];
    if (!version) throw new Error(`no new version of ${file}`);
    for (const piece of piecesOf([...table].map(([key, value]) => `${key} ${value}\n`)))
      await this.#quietly(`add map @${version} ${file} <<\n${piece}\n`);
    await this.#quietly(`commit map @${version} ${file}\n`);
  }

  /** HAProxy's name of a certificate; no such file is written. */
  #fileOf(secret: string): string {
    return `${this.#dir}/certs/${hash(secret)}.pem`;
  }

  async #certificates(
    certificates: Map<string, ToldCertificate>,
    all: ReadonlyMap<string, Held>,
  ): Promise<void> {
    const list = certList(this.#dir);
    const wanted = new Map(
      [...all].map(([secret, { pem, hosts }]) => [
        this.#fileOf(secret),
        { pem, hosts: hosts.join(' ') },
      ]),
    );
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
  tables: tablesOf({
    routes: [],
    entries: [],
    streams: [],
    proxies: [],
    endpoints: () => [],
    secret: () => undefined,
  }),
  certificates: new Map(),
  servers: new Map(),
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
