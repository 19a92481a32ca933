import { Buffer } from 'node:buffer';
import { isIP } from 'node:net';
import { isAbsolute, join } from 'node:path';
import { load } from 'js-yaml';
import { ConfigError } from '../../base/errors.ts';
import type { Dial, DialTarget } from '../../io/dial.ts';
import type { Disk } from '../../io/disk.ts';
import type { AuditEvent } from './event.ts';

export interface Webhook {
  target: DialTarget;
  path: string;
  authorization: string | undefined;
}

const broken = (path: string, what: string, cause?: unknown): ConfigError => new ConfigError(`the audit webhook's configuration ${path} cannot be used: ${what}`, { op: 'audit.webhook', cause });

type Entry = Record<string, unknown>;

/** Where a kubeconfig's current context leads, its files read. */
export async function readWebhook(disk: Disk, path: string): Promise<Webhook> {
  const config = parsed(path, (await disk.read('audit.webhook', path)).toString());
  const named = (list: string, name: unknown, inner: string): Entry => {
    const rows = config[list];
    const row = Array.isArray(rows) ? (rows as Entry[]).find((one) => one['name'] === name) : undefined;
    if (!row) throw broken(path, `no ${inner} is called ${JSON.stringify(name)}`);
    return (row[inner] as Entry | undefined) ?? {};
  };
  const context = named('contexts', config['current-context'], 'context');
  const cluster = named('clusters', context['cluster'], 'cluster');
  const user = context['user'] === undefined ? {} : named('users', context['user'], 'user');
  const url = URL.parse(String(cluster['server'] ?? ''));
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:')) throw broken(path, `the server ${JSON.stringify(cluster['server'])} is no URL`);
  const bytes = async (from: Entry, key: string): Promise<string | undefined> => {
    const data = from[`${key}-data`];
    if (typeof data === 'string') return Buffer.from(data, 'base64').toString();
    const file = from[key];
    return typeof file === 'string' ? (await disk.read('audit.webhook', isAbsolute(file) ? file : join(path, '..', file))).toString() : undefined;
  };
  const tls = url.protocol === 'https:' && {
    tls: { ca: await bytes(cluster, 'certificate-authority'), cert: await bytes(user, 'client-certificate'), key: await bytes(user, 'client-key'), ...servername(cluster['tls-server-name'] ?? url.hostname), insecure: cluster['insecure-skip-tls-verify'] === true },
  };
  const token = user['token'] ?? (typeof user['tokenFile'] === 'string' ? (await disk.read('audit.webhook', user['tokenFile'])).toString().trim() : undefined);
  const basic = user['username'] === undefined ? undefined : `Basic ${Buffer.from(`${String(user['username'])}:${String(user['password'] ?? '')}`).toString('base64')}`;
  return {
    target: { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)), ...tls },
    path: `${url.pathname}${url.search}`,
    authorization: token === undefined ? basic : `Bearer ${String(token)}`,
  };
}

/** An address is no server name (RFC 6066). */
function servername(name: unknown): { servername?: string } {
  return typeof name === 'string' && isIP(name.replace(/^\[|\]$/g, '')) === 0 ? { servername: name } : {};
}

function parsed(path: string, text: string): Entry {
  try {
    const value = load(text);
    if (typeof value === 'object' && value !== null) return value as Entry;
  } catch (cause) {
    throw broken(path, 'it is no YAML', cause);
  }
  throw broken(path, 'it is no kubeconfig');
}

const answerWithinMs = 30_000;

/** Sends a batch (audit.k8s.io/v1 EventList). Throws when it was not taken. */
export async function postEvents(dial: Dial, { target, path, authorization }: Webhook, items: AuditEvent[]): Promise<void> {
  const body = Buffer.from(JSON.stringify({ kind: 'EventList', apiVersion: 'audit.k8s.io/v1', metadata: {}, items }));
  const headers: Record<string, string> = { 'content-type': 'application/json', 'content-length': String(body.length), accept: 'application/json', host: `${target.host}:${target.port}` };
  if (authorization !== undefined) headers['authorization'] = authorization;
  const done = await dial.request('audit.webhook', target, { method: 'POST', path, headers, body, timeoutMs: answerWithinMs });
  if (done.kind === 'upgrade') {
    done.socket.destroy();
    throw new Error('the webhook switched protocols');
  }
  done.message.resume();
  const { statusCode = 0 } = done.message;
  if (statusCode < 200 || statusCode > 299) throw new Error(`the webhook answered ${statusCode}`);
}
