import type { IncomingMessage } from 'node:http';
import { joinHostPort } from '../../base/addresses.ts';
import type { Container, HTTPGetAction } from '../../api/generated/types/core-v1.ts';
import { messageOf } from '../../base/errors.ts';
import type { Clock } from '../../io/clock.ts';
import type { Dial } from '../../io/dial.ts';
import { goDialError } from './go-errors.ts';

export interface HttpGetRequest {
  action: HTTPGetAction;
  container: Container;
  podIP: string;
  /** `probe` or `lifecycle`: the middle of the User-Agent. */
  purpose: string;
  timeoutMs: number;
  scheme?: string;
}

export interface HttpGetAnswer {
  status: number;
  body: string;
  /** A redirect that leads to another host was not followed. */
  stopped: boolean;
}

const longestBodyBytes = 10 * 1024;
const mostRedirects = 10;
const version = '1.36';

/** The number of a port given by number or by name. */
export function containerPort(port: number | string, container: Container): number {
  const number =
    typeof port === 'number'
      ? port
      : (container.ports?.find((p) => p.name === port)?.containerPort ??
        (/^\d+$/.test(port) ? Number(port) : undefined));
  if (number === undefined) throw new Error(`couldn't find port: ${JSON.stringify(port)}`);
  if (number > 0 && number < 65536) return number;
  throw new Error(`invalid port number: ${number}`);
}

/** One GET as a probe or hook makes it. A request that got no answer throws with Go's words. */
export async function httpGet(
  request: HttpGetRequest,
  doors: { dial: Dial; clock: Clock },
): Promise<HttpGetAnswer> {
  const { action, container } = request;
  const port = containerPort(action.port, container);
  const host = action.host || request.podIP;
  const scheme = (request.scheme ?? action.scheme ?? 'http').toLowerCase();
  const path = action.path ?? '/';
  let url = new URL(
    path.startsWith('/') ? path : `/${path}`,
    `${scheme}://${joinHostPort(host, port)}`,
  );
  const first = url;
  const headers = headersOf(request);
  const cancel = new AbortController();
  const timer = doors.clock.after('probe.timeout', request.timeoutMs, () => cancel.abort());
  try {
    for (let redirects = 0; ; redirects++) {
      const message = await getOnce(url, headers, doors.dial, cancel.signal);
      const body = await readBody(message);
      const status = message.statusCode ?? 0;
      const next =
        status >= 300 && status < 400 && message.headers.location
          ? new URL(message.headers.location, url)
          : undefined;
      if (!next || status === 304) return { status, body, stopped: false };
      if (next.hostname !== first.hostname) return { status, body, stopped: true };
      if (redirects >= mostRedirects) throw new Error('stopped after 10 redirects');
      url = next;
    }
  } catch (error) {
    const why = cancel.signal.aborted
      ? 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
      : goDialError(error, addressOf(url));
    throw new Error(`Get ${JSON.stringify(shown(first, port))}: ${why}`, { cause: error });
  } finally {
    timer.cancel();
  }
}

/** Go writes the port even when it is the scheme's own. */
function shown(url: URL, port: number): string {
  return `${url.protocol}//${url.hostname}:${port}${url.pathname}${url.search}`;
}

function addressOf(url: URL): string {
  return `${url.hostname}:${portOf(url)}`;
}

function portOf(url: URL): number {
  return url.port ? Number(url.port) : url.protocol === 'https:' ? 443 : 80;
}

function headersOf({ action, purpose }: HttpGetRequest): Record<string, string | string[]> {
  const made = new Map<string, { name: string; values: string[] }>();
  for (const { name, value } of action.httpHeaders ?? []) {
    const entry = made.get(name.toLowerCase()) ?? { name, values: [] };
    entry.values.push(value);
    made.set(name.toLowerCase(), entry);
  }
  if (!made.has('user-agent'))
    made.set('user-agent', { name: 'User-Agent', values: [`kube-${purpose}/${version}`] });
  const accept = made.get('accept');
  if (!accept) made.set('accept', { name: 'Accept', values: ['*/*'] });
  else if (accept.values[0] === '') made.delete('accept');
  return Object.fromEntries(
    [...made.values()].map(({ name, values }) => [
      name,
      values.length === 1 ? (values[0] ?? '') : values,
    ]),
  );
}

async function getOnce(
  url: URL,
  headers: Record<string, string | string[]>,
  dial: Dial,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const target = {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: portOf(url),
    ...(url.protocol === 'https:' ? { tls: { insecure: true } } : {}),
  };
  const answer = await dial.request('probe.http', target, {
    method: 'GET',
    path: url.pathname + url.search,
    headers,
    signal,
  });
  if (answer.kind === 'upgrade') answer.socket.destroy();
  return answer.message;
}

async function readBody(message: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const part of message as AsyncIterable<Buffer>) {
      parts.push(part);
      bytes += part.length;
      if (bytes >= longestBodyBytes) break;
    }
  } catch (error) {
    // A body cut short says nothing about the status that came before it.
    if (messageOf(error) !== 'aborted') throw error;
  }
  return Buffer.concat(parts).subarray(0, longestBodyBytes).toString();
}
