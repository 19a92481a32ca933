import type { Entry, Stream } from '../../api/gateway/plan.ts';
import type { StreamBackend } from '../../api/gateway/rules.ts';
import type { Changes, NewPath } from '../../api/gateway/filters.ts';
import { anyEntry } from './config.ts';
import { hash, type Table } from './table.ts';

/** Letters that separate nothing in a line; all others are written as `%XX`. */
const written = (text: string): string =>
  [...Buffer.from(text)]
    .map((byte) => {
      const letter = String.fromCharCode(byte);
      const hex = byte.toString(16).padStart(2, '0');
      return /[A-Za-z0-9_./*:-]/.test(letter) ? letter : `%${hex}`;
    })
    .join('');
/** `-` is for what is not there; a text that is one is written otherwise. */
const optional = (text: string | undefined): string =>
  text === undefined ? '-' : text === '-' ? '%2d' : written(text);
const pairs = (all: readonly [string, string][]): string =>
  all.map(([name, value]) => `${written(name)}=${written(value)}`).join(',');
const list = (all: readonly string[]): string => all.map(written).join(',');
const newPath = (path: NewPath | undefined): string =>
  path === undefined ? '-' : `${written(path.text)}=${path.elements ?? ''}`;

/** A host's matches are told in pieces of so many: a line has an end. */
const matchesInLine = 500;

/**
 * What the script of `gateway-lua.ts` looks up. `hosts`: `PORT/HOST/PIECE` -> the names of matches
 * in their order. `streams`: `PORT/NAME` -> the name of what is done with a connection. `specs`: a
 * name, which is a hash of the line, -> a match, what is done then, changes, or a connection's way.
 * `place` says where a target is, in the words that all routes have.
 */
export function gatewayTables(
  { entries, streams }: { entries: readonly Entry[]; streams: readonly Stream[] },
  place: (backend: StreamBackend) => string | undefined,
): Record<'gateway-hosts' | 'gateway-specs' | 'gateway-streams', Table> {
  const specs = new Map<string, string>();
  const named = (line: string): string => {
    const id = hash(line);
    specs.set(id, line);
    return id;
  };
  const changes = (one: Changes): string => named(changesLine(one));
  const ids = new Map<string, string[]>();
  for (const { port, host, except, match, action } of entries) {
    const backends = action.backends
      .map((one) => `${one.weight}=${optional(place(one))}=${changes(one.changes)}`)
      .join(',');
    const mirrors = action.mirrors.map(({ ip, port, share }) => `${ip}=${port}=${share}`);
    const fields = [changes(action.changes), action.timeoutMs ?? '-', backends, mirrors.join(',')];
    const todo = named(['a', ...fields].join('|'));
    const key = `${port}/${host}`;
    const before = ids.get(key) ?? [];
    before.push(named(matchLine(match, except, todo)));
    ids.set(key, before);
  }
  const hosts = new Map<string, string>();
  for (const [key, all] of ids)
    for (let piece = 0; piece * matchesInLine < all.length; piece += 1) {
      const from = piece * matchesInLine;
      hosts.set(`${key}/${piece}`, all.slice(from, from + matchesInLine).join(','));
    }
  // Whether anything has to be asked at all.
  if (hosts.size > 0) hosts.set(anyEntry, 'y');
  const names = new Map<string, string>();
  for (const { port, host, mode, backends } of streams) {
    const shares = backends.map((one) => `${one.weight}=${optional(place(one))}`);
    names.set(`${port}/${host}`, named(['s', mode, shares.join(',')].join('|')));
  }
  return { 'gateway-hosts': hosts, 'gateway-specs': specs, 'gateway-streams': names };
}

function matchLine(match: Entry['match'], except: readonly string[], action: string): string {
  const { path, method, headers, query } = match;
  const text = path.type === 'prefix' ? path.text.replace(/\/+$/, '') : path.text;
  return [
    'm',
    path.type[0],
    written(text),
    optional(method),
    pairs(headers),
    pairs(query),
    list(except),
    action,
  ].join('|');
}

function changesLine({ redirect, request, answer, host, path }: Changes): string {
  const to =
    redirect &&
    [
      redirect.code,
      optional(redirect.scheme),
      optional(redirect.host),
      redirect.port ?? '-',
      newPath(redirect.path),
    ].join('&');
  return [
    'c',
    to ?? '-',
    pairs(request.set),
    pairs(request.add),
    list(request.remove),
    pairs(answer.set),
    pairs(answer.add),
    list(answer.remove),
    optional(host),
    newPath(path),
  ].join('|');
}
