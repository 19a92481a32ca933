import { ConfigError, messageOf } from '../base/errors.ts';
import type { Dial, DialTarget } from '../io/dial.ts';
import { vouchedFor } from '../pki/overlap.ts';
import { caHashOf, type Token } from '../pki/tokens.ts';
import { handshakePaths } from './handshake-paths.ts';

const op = 'join';
const callMs = 10_000;
/** An authority and some keys; more than this is not an answer of ours. */
const mostBytes = 1024 * 1024;

/** No server is there, or none is ready: that may change later. */
export class NoAnswerError extends ConfigError {}

export interface Asking {
  url: string;
  token: Token;
  dial: Dial;
  warn(message: string, more: Record<string, unknown>): void;
}

/** The host and port of a server's URL. */
export function targetOf(url: string): DialTarget {
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 443) };
}

/**
 * Asks a server for its authority and holds it against the token. Gives what the token vouches for:
 * of an authority that was changed since, the old one.
 */
export async function trustedAuthority({
  url,
  token,
  dial,
  warn,
}: Asking): Promise<{ target: DialTarget; ca: string }> {
  const target = targetOf(url);
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
      {
        op,
        hint:
          'give --server the address of a running server; the API server of another cluster ' +
          'takes a bootstrap token of its own, or a --kubeconfig',
      },
    );
  const hash = caHashOf(first.body);
  const ca = token.caHash === '' ? first.body : vouchedFor(first.body, token.caHash);
  if (token.caHash === '')
    warn('the token names no authority: the one that the server shows is trusted', {
      server: url,
      sha256: hash,
      hint: 'use the full token, which begins with K10',
    });
  if (ca === undefined)
    throw new ConfigError(
      `the token is for another cluster: the authority of ${url} has the hash ` +
        `${hash.slice(0, 12)}…, the token says ${token.caHash.slice(0, 12)}…`,
      { op, hint: 'copy server/token from that server again' },
    );
  return { target, ca };
}

export interface Answer {
  status: number;
  body: string;
}

/** One call; throws a ConfigError that says what to do when there is no answer. */
export async function ask(
  dial: Dial,
  url: string,
  target: DialTarget,
  path: string,
  headers: Record<string, string> = {},
  body?: string,
): Promise<Answer> {
  try {
    const request = {
      method: body === undefined ? 'GET' : 'POST',
      path,
      headers: { host: `${target.host}:${target.port}`, ...headers },
      ...(body !== undefined && { body: Buffer.from(body) }),
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
    throw new (name ? ConfigError : NoAnswerError)(
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

/** The JSON of an answer. */
export function parse(body: string, url: string): unknown {
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
