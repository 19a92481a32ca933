import { table } from '../../base/own.ts';
import { messageOf } from '../../base/errors.ts';

const texts: Record<string, string> = table({
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'i/o timeout',
});

/** A failed connection in the words that people search for: Go's. */
export function goDialError(error: unknown, address: string): string {
  const code = codeOf(error);
  const known = code === undefined ? undefined : texts[code];
  if (known) return `dial tcp ${address}: ${known}`;
  if (code === 'ECONNRESET') return `read tcp ${address}: read: connection reset by peer`;
  if (code === 'EPROTO' || code === 'ERR_SSL_WRONG_VERSION_NUMBER')
    return 'http: server gave HTTP response to HTTPS client';
  const message = messageOf(rootOf(error));
  return message === 'socket hang up' ? 'EOF' : message;
}

function rootOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? rootOf(error.cause) : error;
}

function codeOf(error: unknown): string | undefined {
  const code = (rootOf(error) as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}
