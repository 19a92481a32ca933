import { table } from '../../base/own.ts';

/** What a field is to us. Beyond `bad` it makes its request malformed (RFC 9113 section 8.1.1). */
export const kind = {
  other: 0,
  contentType: 1,
  contentLength: 2,
  method: 8,
  scheme: 9,
  path: 10,
  authority: 11,
  bad: 16,
} as const;

const kinds: Record<string, number> = table({
  ':method': kind.method,
  ':scheme': kind.scheme,
  ':path': kind.path,
  // Go's clients put percent signs and fragments into it for unix sockets; nobody needs it here, so
  // it is not looked at.
  ':authority': kind.authority,
  'content-type': kind.contentType,
  'content-length': kind.contentLength,
  connection: kind.bad,
  'proxy-connection': kind.bad,
  'keep-alive': kind.bad,
  'transfer-encoding': kind.bad,
  upgrade: kind.bad,
});

const known = new Map(Object.entries(kinds));

const token = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

/**
 * RFC 9113 section 8.2.1. It also forbids spaces around a value, which clients send (an empty token
 * behind `Bearer `) and Go's servers take.
 */
const forbiddenInValues = /[\0\r\n]/;

function kindOf(name: string, value: string): number {
  const one = known.get(name);
  if (one === undefined && (!token.test(name) || (name === 'te' && value !== 'trailers')))
    return kind.bad;
  return forbiddenInValues.test(value) ? kind.bad : (one ?? kind.other);
}

/** One field, with what it means worked out once: repeated calls refer to the same entry. */
export class HeaderField {
  readonly name: string;
  readonly value: string;
  readonly kind: number;
  /** What it counts for in a table (RFC 7541 section 4.1). */
  readonly bytes: number;

  constructor(name: string, value: string) {
    this.name = name;
    this.value = value;
    this.kind = kindOf(name, value);
    this.bytes = name.length + value.length + 32;
  }
}
