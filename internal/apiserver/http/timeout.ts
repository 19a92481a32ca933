import { badRequest } from '../../api/status.ts';
import { first, type RequestInfo } from './request-info.ts';

/** Requests that last as long as they last: `timeout` means nothing to them. */
const lasting = new Set(['proxy', 'attach', 'exec', 'log', 'portforward']);

const units = new Set(['ns', 'us', 'µs', 'μs', 'ms', 's', 'm', 'h']);

/** Why a text is not a duration, in Go's words (time.ParseDuration); undefined when it is one. */
export function durationFault(text: string): string | undefined {
  const quoted = JSON.stringify(text);
  const bare = text.replace(/^[-+]/, '');
  if (bare === '0') return undefined;
  if (bare === '') return `time: invalid duration ${quoted}`;
  for (let rest = bare; rest !== '';) {
    const [part, whole = '', fraction = '', unit = ''] = /^(\d*)(\.\d*)?([^\d.]*)/.exec(rest) ?? [
      '',
    ];
    if (whole === '' && fraction.length < 2) return `time: invalid duration ${quoted}`;
    if (unit === '') return `time: missing unit in duration ${quoted}`;
    if (!units.has(unit)) return `time: unknown unit ${JSON.stringify(unit)} in duration ${quoted}`;
    rest = rest.slice(part.length);
  }
  return undefined;
}

/**
 * `?timeout=` of a request that ends by itself must be a duration (apiserver
 * filters/request_deadline.go).
 */
export function checkTimeout(info: RequestInfo): void {
  const asked = first(info.query, 'timeout');
  if (
    !asked ||
    info.verb === 'watch' ||
    info.verb === 'proxy' ||
    (info.isResource && lasting.has(info.subresource))
  )
    return;
  const fault = durationFault(asked);
  if (fault !== undefined)
    throw badRequest(`invalid timeout specified in the request URL - ${fault}`);
}
