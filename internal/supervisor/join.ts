import { join } from 'node:path';
import { ConfigError, messageOf } from '../base/errors.ts';
import { hasData } from '../etcd/managed.ts';
import { realDial, type Dial, type DialTarget } from '../io/dial.ts';
import { checkBootstrap } from '../pki/bootstrap.ts';
import { caHashOf, parseToken, type Token } from '../pki/tokens.ts';
import { fileName } from '../store/sqlite/schema.ts';
import { adoptBootstrap } from './bootstrap.ts';
import type { ServerConfig } from './config.ts';
import { toldToken } from './credentials.ts';
import type { Doors } from './doors.ts';
import { handshakePaths, serverUser, type HandshakeRefusal } from './handshake.ts';

const op = 'join';
const callMs = 10_000;
/** An authority and some keys; more than this is not an answer of ours. */
const mostBytes = 1024 * 1024;

export interface Joined {
  /**
   * Where members of the cluster's etcd answer; empty when this server is a member already and
   * knows for itself.
   */
  endpoints: string[];
}

/**
 * `--server`: makes this machine hold what the cluster's servers hold in common, fetched from one
 * of them, once. A server that has joined asks nobody: it must start while the first one is away.
 */
export async function joinCluster(
  config: ServerConfig,
  doors: Doors,
  dial: Dial = realDial,
): Promise<Joined | undefined> {
  if (config.server === undefined) return undefined;
  const { disk } = doors;
  if (await hasData({ disk, dir: join(config.dataDir, 'server/db/etcd') }))
    return { endpoints: [] };
  await refuseOwnState(config, doors);
  const told = await toldToken(config, doors);
  if (told === undefined)
    throw new ConfigError('--server needs --token', {
      op,
      hint: 'take it from server/token in the data directory of the first server',
    });
  const token = parseToken(told);
  if (token.bootstrap !== undefined)
    throw new ConfigError('a server does not join with a bootstrap token', {
      op,
      hint: 'take the token from server/token on the first server',
    });
  const { data, endpoints } = await handshake({
    url: config.server,
    token,
    dial,
    warn: (message, more) => doors.log.warn(message, more),
  });
  const written = await adoptBootstrap(config, doors, data);
  doors.log.info('joining a cluster', {
    server: config.server,
    files: written.length,
    members: endpoints.length,
  });
  return { endpoints };
}

/**
 * A server with a cluster of its own does not join another by the way: that would lose the first.
 */
export async function refuseOwnState(
  config: ServerConfig,
  { disk }: Pick<Doors, 'disk'>,
): Promise<void> {
  const db = join(config.dataDir, 'server/db');
  if (
    config.server === undefined ||
    (await hasData({ disk, dir: join(db, 'etcd') })) ||
    !(await disk.stat(op, join(db, fileName)))
  )
    return;
  throw new ConfigError(
    `${join(db, fileName)} holds the state of a cluster of its own, which --server ` +
      `${config.server} would leave behind`,
    { op, hint: 'leave out --server (and SKIFF_URL), or give an empty --data-dir' },
  );
}

interface Handshake {
  url: string;
  token: Token;
  dial: Dial;
  warn(message: string, more: Record<string, unknown>): void;
}

/**
 * Asks a server for its authority, holds it against the token, then asks it, by that authority, for
 * the common data.
 */
export async function handshake({
  url,
  token,
  dial,
  warn,
}: Handshake): Promise<{ data: ReturnType<typeof checkBootstrap>; endpoints: string[] }> {
  const { hostname, port } = new URL(url);
  const target: DialTarget = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 443) };
  const first = await ask(
    dial,
    url,
    { ...target, tls: { insecure: true } },
    handshakePaths.authority,
  );
  if (first.status !== 200 || !first.body.includes('BEGIN CERTIFICATE'))
    throw new ConfigError(
      `${url} does not answer as a skiff server does (status ${first.status} for ` +
        `${handshakePaths.authority})`,
      { op, hint: 'give --server the address of a running server' },
    );
  const hash = caHashOf(first.body);
  if (token.caHash === '')
    warn('the token names no authority: the one that the server shows is trusted', {
      server: url,
      sha256: hash,
      hint: 'use the full token, which begins with K10',
    });
  else if (token.caHash !== hash)
    throw new ConfigError(
      `the token is for another cluster: the authority of ${url} has the hash ` +
        `${hash.slice(0, 12)}…, the token says ${token.caHash.slice(0, 12)}…`,
      { op, hint: 'copy server/token from that server again' },
    );
  const authorization = `Basic ${Buffer.from(`${token.user || serverUser}:${token.password}`).toString('base64')}`;
  const answer = await ask(
    dial,
    url,
    { ...target, tls: { ca: first.body } },
    handshakePaths.bootstrap,
    { authorization },
  );
  if (answer.status !== 200) throw refused(url, answer);
  const parsed = parse(answer.body, url) as { endpoints?: unknown };
  const endpoints = Array.isArray(parsed.endpoints)
    ? parsed.endpoints.filter((one): one is string => typeof one === 'string')
    : [];
  return { data: checkBootstrap(parsed), endpoints };
}

interface Answer {
  status: number;
  body: string;
}

async function ask(
  dial: Dial,
  url: string,
  target: DialTarget,
  path: string,
  headers: Record<string, string> = {},
): Promise<Answer> {
  try {
    const request = {
      method: 'GET',
      path,
      headers: { host: `${target.host}:${target.port}`, ...headers },
      timeoutMs: callMs,
    };
    const answer = await dial.request(op, target, request);
    if (answer.kind !== 'answer') throw new Error('it answered with an upgrade');
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of answer.message as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > mostBytes) throw new Error('its answer is too long');
      chunks.push(chunk);
    }
    return { status: answer.message.statusCode ?? 0, body: Buffer.concat(chunks).toString() };
  } catch (cause) {
    const message = messageOf(cause);
    const name = /certificate|altnames|self.signed|issuer/i.test(message);
    throw new ConfigError(
      `the server at ${url} ${name ? 'cannot prove who it is' : 'cannot be reached'}: ` +
        `${message.replace(/^join: /, '')}`,
      {
        op,
        cause,
        hint: name
          ? 'start that server with --tls-san for this name, or use its address'
          : 'is it running, and is its port open to this machine?',
      },
    );
  }
}

function refused(url: string, { status, body }: Answer): ConfigError {
  if (status === 401)
    return new ConfigError(`${url} does not know this token`, {
      op,
      hint: 'take it from server/token on that server',
    });
  if (status === 403)
    return new ConfigError('this token is for agents: a server joins with the server token', {
      op,
      hint: 'take it from server/token on the first server',
    });
  const { message, hint } = parse(body, url) as Partial<HandshakeRefusal>;
  return new ConfigError(`${url} takes no servers: ${message ?? `status ${status}`}`, {
    op,
    ...(hint !== undefined && { hint }),
  });
}

function parse(body: string, url: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch (cause) {
    throw new ConfigError(`${url} does not answer as a skiff server does`, {
      op,
      cause,
      hint: 'is it a skiff server of the same version?',
    });
  }
}
