import { Buffer } from 'node:buffer';

export type Headers = Record<string, string | string[]>;
type Received = Readonly<Record<string, string | string[] | undefined>>;

/**
 * Headers of one connection (RFC 9110 7.6.1), and those that belong to what this server itself
 * answered already.
 */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'expect',
  'host',
]);

/** A token as a WebSocket subprotocol: browsers can send it in no other way. */
const tokenProtocol = /^base64url\.bearer\.authorization\.k8s\.io\./i;

/** Who the client is, or claims to be. Some servers read `_` as `-`. */
function namesSomebody(name: string): boolean {
  const plain = name.replaceAll('_', '-');
  return (
    plain === 'authorization' ||
    plain.startsWith('impersonate-') ||
    /^x-remote-(user|group|uid|extra-)/.test(plain)
  );
}

/** The headers that a Connection header calls its own. */
function listed(headers: Received): Set<string> {
  return new Set(
    [headers['connection']]
      .flat()
      .flatMap((text) => (text ?? '').split(','))
      .map((name) => name.trim().toLowerCase()),
  );
}

/**
 * What of a client's request travels on to somebody else's server: nothing of the connection, and
 * nothing that proves or claims who the client is.
 */
export function onward(headers: Received, options: { upgrade: boolean }): Headers {
  const out: Headers = {};
  const ofConnection = listed(headers);
  for (const [name, value] of Object.entries(headers)) {
    if (
      value === undefined ||
      name.startsWith(':') ||
      hopByHop.has(name) ||
      ofConnection.has(name) ||
      namesSomebody(name)
    )
      continue;
    if (name === 'sec-websocket-protocol') {
      const protocols = [value]
        .flat()
        .flatMap((text) => text.split(','))
        .map((text) => text.trim())
        .filter((text) => text !== '' && !tokenProtocol.test(text));
      if (protocols.length) out[name] = protocols.join(', ');
    } else out[name] = value;
  }
  const upgrade = headers['upgrade'];
  if (options.upgrade && typeof upgrade === 'string')
    Object.assign(out, { connection: 'Upgrade', upgrade });
  return out;
}

/** Would let another page read what this server serves: a pod does not decide that. */
const crossOrigin = /^access-control-allow-(credentials|headers|methods|origin)$/;
/** Speak for the whole host, which is this server's and not a pod's. */
const ofTheHost = new Set(['strict-transport-security', 'alt-svc', 'audit-id', 'clear-site-data']);

/** What of an answer travels back to the client. */
export function back(headers: Received): Headers {
  const out: Headers = {};
  const ofConnection = listed(headers);
  for (const [name, value] of Object.entries(headers)) {
    if (
      value === undefined ||
      hopByHop.has(name) ||
      ofConnection.has(name) ||
      crossOrigin.test(name) ||
      ofTheHost.has(name)
    )
      continue;
    out[name] = value;
  }
  return out;
}

/** The bytes of a text in UTF-8, as the characters that a header is written from. */
export const headerText = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

/**
 * The part of a header's name that says a key: what is no letter, digit or one of `-._~` is
 * percent-encoded.
 */
export const headerKey = (key: string): string =>
  encodeURIComponent(key)
    .replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16)}`)
    .toLowerCase();
