import { table } from '../../base/own.ts';
import { DecodeError, parseTime } from '../codec/scalars.ts';

/** go-openapi strfmt formats that Kubernetes knows. A format that is not here is not checked. */
const number = '(\\d+(\\.\\d*)?|\\.\\d+)\\s*';
const units =
  '(ns|nano|us|µs|μs|micro|ms|milli|s|sec|secs|second|seconds|m|min|minute|minutes|' +
  'h|hr|hour|hours|d|day|days|w|wk|week|weeks)';
const duration = new RegExp(`^[-+]?${number}${units}(\\s*${number}(ns|us|µs|μs|ms|s|m|h))*$`);
const hostLabel = '[a-zA-Z0-9_](?:[a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_])?';
const hostname = new RegExp(`^${hostLabel}(\\.${hostLabel})*\\.?$`);
const colourPart = '(\\d{1,2}|1\\d\\d|2[0-4]\\d|25[0-5])\\s*';
const rgb = new RegExp(`^rgb\\(\\s*${colourPart}(,\\s*${colourPart}){2}\\)$`);

const checks: Record<string, (text: string) => boolean> = table({
  'date-time': (text) =>
    /^\d{4}-\d{2}-\d{2}[tT ]\d{2}:\d{2}:\d{2}(\.\d+)?([zZ]|[+-]\d{2}:\d{2})$/.test(text) &&
    timeIsReal(text),
  date: (text) => /^\d{4}-\d{2}-\d{2}$/.test(text) && timeIsReal(`${text}T00:00:00Z`),
  datetime: (text) => timeIsReal(text),
  duration: (text) => duration.test(text) || text === '0',
  byte: (text) => /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text),
  ipv4: (text) => /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/.test(text),
  ipv6: (text) => text.includes(':') && isIpv6(text),
  cidr: (text) => /^[0-9a-fA-F.:]+\/\d{1,3}$/.test(text),
  mac: (text) =>
    /^([0-9a-fA-F]{2}[:-]){5}([0-9a-fA-F]{2}[:-]?)$|^([0-9a-fA-F]{4}\.){2}[0-9a-fA-F]{4}$/.test(
      text,
    ),
  uuid: (text) => /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i.test(text),
  uuid3: (text) =>
    /^[0-9a-f]{8}-?[0-9a-f]{4}-?3[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i.test(text),
  uuid4: (text) =>
    /^[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i.test(text),
  uuid5: (text) =>
    /^[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i.test(text),
  email: (text) => /^[^\s@<>]+@[^\s@<>]+$/.test(text),
  hostname: (text) => text.length <= 255 && hostname.test(text),
  uri: (text) => /^[a-zA-Z][a-zA-Z0-9+.-]*:|^\//.test(text) && !/\s/.test(text),
  hexcolor: (text) => /^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/.test(text),
  rgbcolor: (text) => rgb.test(text),
  bsonobjectid: (text) => /^[0-9a-fA-F]{24}$/.test(text),
  'k8s-short-name': (text) => text.length <= 63 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(text),
  'k8s-long-name': (text) =>
    text.length <= 253 &&
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(text),
});

function timeIsReal(text: string): boolean {
  try {
    parseTime(text.replace(/[t ]/, 'T').replace('z', 'Z'));
    return true;
  } catch (error) {
    if (error instanceof DecodeError) return false;
    throw error;
  }
}

function isIpv6(text: string): boolean {
  const halves = text.split('::');
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half ? half.split(':') : []));
  const last = groups.at(-1) ?? '';
  const v4 = last.includes('.') && (checks['ipv4'] as (t: string) => boolean)(last);
  if (!groups.every((g, i) => /^[0-9a-fA-F]{1,4}$/.test(g) || (v4 && i === groups.length - 1)))
    return false;
  const count = groups.length + (v4 ? 1 : 0);
  return halves.length === 2 ? count < 8 : count === 8;
}

export function fitsFormat(format: string, text: string): boolean {
  return checks[format]?.(text) ?? true;
}
