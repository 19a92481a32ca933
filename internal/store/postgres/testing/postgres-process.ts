import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { requireProgram } from '../../../../test/packages.ts';

/**
 * A PostgreSQL of the machine with a data directory of its own, on 127.0.0.1 and a unix socket in
 * `dir`.
 */
export interface PostgresProcess {
  readonly dir: string;
  readonly port: number;
  /** The endpoint of a database; it need not be there yet. */
  url(database: string, query?: string): string;
  /** One statement as the superuser. */
  sql(text: string, database?: string): Promise<Record<string, string>[]>;
  /** `immediate` is a crash: nobody is told, what was committed must be there afterwards. */
  halt(mode: 'immediate' | 'fast'): Promise<void>;
  start(): Promise<void>;
  /** Halts it and removes its files. */
  stop(): Promise<void>;
}

export const password = 'quay and mooring';
const readyMs = 30_000;

/**
 * Makes and starts one. `durable` asks for real fsyncs, on a real disk. `settings` are lines of
 * postgresql.conf.
 */
export async function startPostgres(
  options: {
    durable?: boolean;
    settings?: string[];
    hba?: string[];
    files?: Record<string, string>;
  } = {},
): Promise<PostgresProcess> {
  const programs = dirname(requireProgram('/usr/lib/postgresql/*/bin/initdb'));
  const base = options.durable ? '/var/tmp' : existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
  const dir = mkdtempSync(join(base, 'skiff-postgres-'));
  const owner = accountOf('postgres');
  const asOwner = (command: string[]): string[] =>
    owner === undefined ? command : ['runuser', '-u', 'postgres', '--', ...command];
  if (owner !== undefined) chownSync(dir, owner.uid, owner.gid);
  const data = join(dir, 'data');
  const put = (path: string, text: string): void => {
    writeFileSync(path, text);
    chmodSync(path, 0o600);
    if (owner !== undefined) chownSync(path, owner.uid, owner.gid);
  };
  put(join(dir, 'password'), password);
  run(
    asOwner([
      join(programs, 'initdb'),
      '-D',
      data,
      '-U',
      'postgres',
      '-A',
      'scram-sha-256',
      `--pwfile=${join(dir, 'password')}`,
      '-E',
      'UTF8',
      '--locale=C',
      '--no-sync',
    ]),
  );
  for (const [name, text] of Object.entries(options.files ?? {})) put(join(data, name), text);
  if (options.hba !== undefined) put(join(data, 'pg_hba.conf'), options.hba.join('\n') + '\n');
  const port = await freePort();
  const settings = [
    `port=${port}`,
    'listen_addresses=127.0.0.1',
    `unix_socket_directories=${dir}`,
    ...(options.durable ? [] : ['fsync=off', 'full_page_writes=off']),
    ...(options.settings ?? []),
  ];
  const command = asOwner([
    join(programs, 'postgres'),
    '-D',
    data,
    ...settings.flatMap((setting) => ['-c', setting]),
  ]);
  const server = new Server(command, { programs, dir, data, port, asOwner });
  try {
    await server.start();
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

interface Parts {
  programs: string;
  dir: string;
  data: string;
  port: number;
  asOwner(command: string[]): string[];
}

class Server implements PostgresProcess {
  readonly #command: string[];
  readonly #parts: Parts;
  #child: ChildProcess | undefined;

  constructor(command: string[], parts: Parts) {
    this.#command = command;
    this.#parts = parts;
  }

  get dir(): string {
    return this.#parts.dir;
  }

  get port(): number {
    return this.#parts.port;
  }

  url(database: string, query = ''): string {
    return (
      `postgres://postgres:${encodeURIComponent(password)}@127.0.0.1:${this.port}/${database}` +
      `${query}`
    );
  }

  async sql(text: string, database = 'postgres'): Promise<Record<string, string>[]> {
    const client = new pg.Client({
      host: this.dir,
      port: this.port,
      user: 'postgres',
      password,
      database,
    });
    await client.connect();
    try {
      return (await client.query<Record<string, string>>(text)).rows;
    } finally {
      await client.end();
    }
  }

  async start(): Promise<void> {
    const [program = '', ...args] = this.#command;
    let said = '';
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4000)));
    this.#child = child;
    const end = performance.now() + readyMs;
    for (;;) {
      if (child.exitCode !== null || performance.now() > end)
        throw new Error(`PostgreSQL does not start: ${said}`);
      if (
        await this.sql('SELECT 1').then(
          () => true,
          () => false,
        )
      )
        return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async halt(mode: 'immediate' | 'fast'): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    run(
      this.#parts.asOwner([
        join(this.#parts.programs, 'pg_ctl'),
        '-D',
        this.#parts.data,
        'stop',
        '-m',
        mode,
        '-W',
      ]),
    );
    await ended;
  }

  async stop(): Promise<void> {
    await this.halt('immediate');
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** Root may not run PostgreSQL: the account that Debian's package makes does. */
function accountOf(name: string): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string): number => Number(run(['id', flag, name]));
  return { uid: id('-u'), gid: id('-g') };
}

function run([program = '', ...args]: string[]): string {
  const done = spawnSync(program, args, { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`${program}: ${done.stderr || String(done.error)}`);
  return done.stdout;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
