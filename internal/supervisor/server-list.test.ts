import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseServer, ServerList } from './server-list.ts';

test('the one in use is first, those that failed last, the told one always there', () => {
  const list = new ServerList('lb.example:6443', ['10.0.0.1:6443', '10.0.0.2:6443']);
  expect(list.order()).toEqual(['10.0.0.1:6443', '10.0.0.2:6443', 'lb.example:6443']);
  list.good('10.0.0.2:6443');
  expect(list.order()[0]).toBe('10.0.0.2:6443');
  list.failed('10.0.0.2:6443');
  list.failed('10.0.0.1:6443');
  expect(list.order()).toEqual(['lb.example:6443', '10.0.0.2:6443', '10.0.0.1:6443']);
  expect(list.learn(['10.0.0.3:6443', 'no address', '10.0.0.3:6443'])).toBe(true);
  expect(list.all).toEqual(['10.0.0.3:6443', 'lb.example:6443']);
  expect(list.learn([])).toBe(false);
  expect(list.learn(['10.0.0.3:6443'])).toBe(false);
});

test('whatever happens, every server it knows is tried once', () => {
  const name = fc.constantFrom('a:1', 'b:1', 'c:1', 'told:1');
  const event = fc.oneof(
    fc.record({ kind: fc.constantFrom('good', 'failed') as fc.Arbitrary<'good' | 'failed'>, name }),
    fc.record({ kind: fc.constant('learn' as const), names: fc.array(name, { maxLength: 3 }) }),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 20 }), (events) => {
      const list = new ServerList('told:1', []);
      for (const one of events)
        if (one.kind === 'learn') list.learn(one.names);
        else list[one.kind](one.name);
      expect(list.order().toSorted()).toEqual(list.all.toSorted());
      expect(list.order()).toContain('told:1');
      expect(new Set(list.order()).size).toBe(list.order().length);
    }),
  );
});

test.each([
  ['10.0.0.1:6443', { host: '10.0.0.1', port: 6443 }],
  ['[fd00::1]:6443', { host: 'fd00::1', port: 6443 }],
  ['api.example.com:443', { host: 'api.example.com', port: 443 }],
  ['fd00::1:6443', undefined],
  ['[10.0.0.1]:6443', undefined],
  ['10.0.0.1:0', undefined],
  ['10.0.0.1:65536', undefined],
  ['10.0.0.1', undefined],
  ['a b:1', undefined],
  [':1', undefined],
])('%s', (text, parsed) => expect(parseServer(text)).toEqual(parsed));
