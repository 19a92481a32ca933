import { createHash } from 'node:crypto';
import type { Secret, Service } from '../../api/generated/types/core-v1.ts';
import type { Ingress, IngressClass } from '../../api/generated/types/networking-v1.ts';
import { routesOf, type Certificate } from '../../api/ingress/routes.ts';
import { messageOf } from '../../base/errors.ts';
import type { Mirror } from '../../client/client.ts';
import { askProgram } from '../../io/local-socket.ts';
import { saidOnce } from '../nft/said-once.ts';
import { bufferBytes, certList, mapFile } from './config.ts';
import { Haproxy, type HaproxyOptions } from './haproxy.ts';
import { pemOf, tablesOf, type Table } from './tables.ts';

export interface IngressOptions extends Omit<HaproxyOptions, 'ask' | 'started'> {
  ingresses: Mirror<Ingress>;
  classes: Mirror<IngressClass>;
  services: Mirror<Service>;
  /** Secrets of type kubernetes.io/tls; asked for with the first Ingress that has TLS. */
  secrets(): Mirror<Secret>;
}

interface Held {
  pem: string;
  hosts: string;
}

/** Changes that come within this time are told together. */
const batchMs = 5;
const askMs = 5_000;
const retryMs = 1_000;
/** Room for the command around a piece of a table. */
const pieceBytes = bufferBytes / 2;

/** Serves the Ingresses of our classes on this node. */
export function startIngress(options: IngressOptions): { stop(): void } {
  return new IngressServer(options);
}

class IngressServer {
  readonly #o: IngressOptions;
  readonly #haproxy: Haproxy;
  readonly #stops: (() => void)[] = [];
  readonly #leftOut: (what: string) => void;
  #secrets: Mirror<Secret> | undefined;
  /** What HAProxy was told since it started. */
  #told: { exact: Table; prefix: Table; certificates: Map<string, Held> } = nothingTold();
  #waiting = false;
  #queue: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: IngressOptions) {
    this.#o = options;
    this.#leftOut = saidOnce(options.log, 'left out of the routes of Ingresses');
    this.#haproxy = new Haproxy({
      ...options,
      ask: (path, text) => askProgram('ingress.ask', path, { text, timeoutMs: askMs }),
      started: () => {
        this.#told = nothingTold();
        this.#touch();
      },
    });
    const { ingresses, classes, services } = options;
    for (const mirror of [ingresses, classes, services])
      this.#stops.push(mirror.onChange(() => this.#touch()));
    void Promise.all([ingresses.synced, classes.synced, services.synced]).then(() => this.#touch());
  }

  stop(): void {
    this.#stopped = true;
    for (const stop of this.#stops) stop();
    this.#haproxy.stop();
  }

  #touch(waitMs = batchMs): void {
    if (this.#waiting || this.#stopped) return;
    this.#waiting = true;
    this.#o.clock.after('ingress.batch', waitMs, () => {
      this.#waiting = false;
      this.#queue = this.#queue
        .then(() => this.#tell())
        .catch((error: unknown) => {
          if (this.#stopped) return;
          this.#o.log.warn('HAProxy did not take a change of routes, it is told again', {
            error: messageOf(error),
          });
          this.#told = nothingTold();
          this.#touch(retryMs);
        });
    });
  }

  /** Brings HAProxy to what the objects say now. */
  async #tell(): Promise<void> {
    if (this.#stopped) return;
    const found = routesOf({
      ingresses: this.#o.ingresses.list(),
      classes: this.#o.classes.list(),
      service: (namespace, name) => this.#o.services.get(`${namespace}/${name}`),
    });
    this.#haproxy.want(found.routes.length > 0);
    if (!this.#haproxy.ready) return;
    await this.#certificates(await this.#readCertificates(found.certificates));
    const tables = tablesOf(found.routes);
    for (const name of ['exact', 'prefix'] as const) {
      if (sameTable(this.#told[name], tables[name])) continue;
      await this.#table(mapFile(this.#o.dir, name), tables[name]);
      this.#told = { ...this.#told, [name]: tables[name] };
    }
  }

  /** A table is told in pieces and takes effect as a whole. */
  async #table(file: string, table: Table): Promise<void> {
    const version = /version created: (\d+)/.exec(await this.#ask(`prepare map ${file}\n`))?.[1];
    if (!version) throw new Error(`no new version of ${file}`);
    for (const piece of piecesOf([...table].map(([key, value]) => `${key} ${value}\n`)))
      await this.#quietly(`add map @${version} ${file} <<\n${piece}\n`);
    await this.#quietly(`commit map @${version} ${file}\n`);
  }

  async #readCertificates(wanted: readonly Certificate[]): Promise<Map<string, Held>> {
    const held = new Map<string, Held>();
    if (wanted.length === 0) return held;
    if (!this.#secrets) {
      this.#secrets = this.#o.secrets();
      this.#stops.push(
        this.#secrets.onChange(() => this.#touch()),
        () => this.#secrets?.stop(),
      );
    }
    await this.#secrets.synced;
    for (const { namespace, secret: name, hosts } of wanted) {
      const secret = this.#secrets.get(`${namespace}/${name}`);
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

  async #certificates(wanted: Map<string, Held>): Promise<void> {
    const list = certList(this.#o.dir);
    const { certificates } = this.#told;
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

const nothingTold = () => ({
  exact: new Map<string, string>(),
  prefix: new Map<string, string>(),
  certificates: new Map<string, Held>(),
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
