import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Entry } from '../../api/gateway/plan.ts';
import type { Changes } from '../../api/gateway/filters.ts';
import { gatewayTables } from './gateway-tables.ts';

/** Whatever an object may say, at the worst: what checks letter by letter is not relied upon. */
const text = fc.string({ unit: 'binary', maxLength: 20 });
const pair = fc.tuple(text, text);
const headers = fc.record({
  set: fc.array(pair, { maxLength: 2 }),
  add: fc.array(pair, { maxLength: 2 }),
  remove: fc.array(text, { maxLength: 2 }),
});
const changes: fc.Arbitrary<Changes> = fc.record({
  request: headers,
  answer: headers,
  host: fc.option(text, { nil: undefined }),
  path: fc.option(fc.record({ text, elements: fc.constantFrom(undefined, 0, 3) }), {
    nil: undefined,
  }),
  redirect: fc.constant(undefined),
});
const entry: fc.Arbitrary<Entry> = fc.record({
  port: fc.constant(80),
  host: fc.constantFrom('', 'a.test', '*.test'),
  except: fc.array(text, { maxLength: 2 }),
  match: fc.record({
    path: fc.record({ type: fc.constantFrom('exact', 'suffix'), text }),
    method: fc.option(text, { nil: undefined }),
    headers: fc.array(pair, { maxLength: 3 }),
    query: fc.array(pair, { maxLength: 3 }),
  }),
  action: fc.record({
    changes,
    mirrors: fc.constant([]),
    timeoutMs: fc.constantFrom(undefined, 5),
    backends: fc.array(fc.record({ weight: fc.nat(9), target: fc.constant(undefined), changes }), {
      maxLength: 2,
    }),
  }),
});

/** As the script reads. */
const plain = (written: string): string =>
  Buffer.concat(
    [...written.matchAll(/%([0-9a-f]{2})|(.)/g)].map(([, hex, letter = '']) =>
      hex === undefined ? Buffer.from(letter) : Buffer.from(hex, 'hex'),
    ),
  ).toString();
const pairs = (written = ''): string[][] =>
  written === '' ? [] : written.split(',').map((one) => one.split('=').map(plain));
const bytes = (all: readonly (readonly string[])[]): string[][] =>
  all.map((one) => one.map((each) => Buffer.from(each).toString()));

it('writes lines that nothing of an object ends or divides', () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 4 }), (entries) => {
      const tables = gatewayTables({ entries, streams: [] }, () => undefined);
      const specs = tables['gateway-specs'];
      for (const [key, line] of [...specs, ...tables['gateway-hosts']]) {
        expect(key).toMatch(/^[a-z0-9./*]+$/);
        expect(line).toMatch(/^[A-Za-z0-9_./*:%|,=&-]*$/);
      }
      const ids = ['', 'a.test', '*.test'].flatMap((host) =>
        (tables['gateway-hosts'].get(`80/${host}/0`) ?? '').split(',').filter(Boolean),
      );
      const sorted = ['', 'a.test', '*.test'].flatMap((host) =>
        entries.filter((one) => one.host === host),
      );
      expect(ids).toHaveLength(entries.length);
      for (const [i, { match, action }] of sorted.entries()) {
        const fields = (specs.get(ids[i] ?? '') ?? '').split('|');
        expect(fields).toHaveLength(8);
        expect([plain(fields[2] ?? '')]).toEqual(bytes([[match.path.text]])[0]);
        expect(pairs(fields[4])).toEqual(bytes(match.headers));
        const todo = (specs.get(fields[7] ?? '') ?? '').split('|');
        const set = (specs.get(todo[1] ?? '') ?? '').split('|');
        expect(set).toHaveLength(10);
        expect(pairs(set[2])).toEqual(bytes(action.changes.request.set));
      }
    }),
  );
});

it('tells a long list in pieces', () => {
  const one: Entry = {
    port: 80,
    host: 'a.test',
    except: [],
    match: { path: { type: 'prefix', text: '/' }, method: undefined, headers: [], query: [] },
    action: {
      changes: {
        request: { set: [], add: [], remove: [] },
        answer: { set: [], add: [], remove: [] },
        host: undefined,
        path: undefined,
        redirect: undefined,
      },
      mirrors: [],
      timeoutMs: undefined,
      backends: [],
    },
  };
  const entries = Array.from({ length: 1_201 }, () => one);
  const tables = gatewayTables({ entries, streams: [] }, () => undefined);
  const hosts = tables['gateway-hosts'];
  const lengths = [0, 1, 2, 3].map((piece) => hosts.get(`80/a.test/${piece}`)?.split(',').length);
  expect(lengths).toEqual([500, 500, 201, undefined]);
});

it('writes the ways of connections', () => {
  const targets = ['10.43.0.1|80|h1|-|-', undefined];
  const backends = targets.map((_, weight) => ({ weight, target: undefined }));
  const streams = [
    { port: 443, host: '*.a.test', mode: 'pass' as const, backends },
    { port: 443, host: 'b.a.test', mode: 'requests' as const, backends: [] },
  ];
  const tables = gatewayTables({ entries: [], streams }, ({ weight }) => targets[weight]);
  const line = (name: string) =>
    tables['gateway-specs'].get(tables['gateway-streams'].get(name) ?? '');
  expect(line('443/*.a.test')).toBe('s|pass|0=10.43.0.1%7c80%7ch1%7c-%7c-,1=-');
  expect(line('443/b.a.test')).toBe('s|requests|');
});
